#include "models/verify/clap_verify.h"

#include <ATen/core/grad_mode.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/clap/clap.h"
#include "models/clap/clap_features.h"
#include "models/layers/tensor_bridge.h"
#include "models/verify/case_sound.h"

namespace strata::models {
namespace {

struct Batch {
  at::Tensor features;  // [B, planes, T, bands]
  std::vector<bool> is_longer;
};

absl::StatusOr<Batch> GivenBatch(const GoldenCase& golden) {
  auto features = golden.Input("input_features");
  if (!features.ok()) return features.status();
  Batch batch{*features, std::vector<bool>(static_cast<size_t>(features->size(0)))};
  if (!golden.input.contains("is_longer")) return batch;
  auto longer = golden.Input("is_longer");
  if (!longer.ok()) return longer.status();
  for (size_t i = 0; i < batch.is_longer.size(); ++i) {
    batch.is_longer[i] = (*longer)[static_cast<int64_t>(i)].any().item<bool>();
  }
  return batch;
}

// From the files, with the reference's draws: its generator is seeded once for the batch.
absl::StatusOr<Batch> BatchOfFiles(const GoldenCase& golden,
                                   const ClapFeatureExtractor& extractor) {
  const ClapDraw draw = NumpyDraw(golden.description.value("numpy_seed", 0U));
  Batch batch;
  std::vector<at::Tensor> inputs;
  for (size_t i = 0; i < golden.files.size(); ++i) {
    auto sound =
        ReadCaseSound(golden, i, extractor.spec().mel.sample_rate, ResampleMethod::kSincHann);
    if (!sound.ok()) return sound.status();
    auto features = extractor(*sound, draw);
    if (!features.ok()) return features.status();
    inputs.push_back(features->input);
    batch.is_longer.push_back(features->is_longer);
  }
  MarkOneLonger(extractor.spec(), batch.is_longer, draw);
  batch.features = at::stack(inputs, 0);
  return batch;
}

at::Tensor AsTensor(const std::vector<bool>& flags) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(flags.size())}, at::kLong);
  for (size_t i = 0; i < flags.size(); ++i) tensor[static_cast<int64_t>(i)] = flags[i] ? 1 : 0;
  return tensor;
}

absl::Status CompareForward(const GoldenCase& golden, const ClapAudio& model, const Batch& batch,
                            const std::string& prefix, Comparison& comparison) {
  at::Tensor image;
  ClapAudioForwardOptions options;
  options.folded_image = &image;
  auto output = model.Forward(batch.features, batch.is_longer, options);
  if (!output.ok()) return output.status();
  const std::pair<const char*, at::Tensor> computed[] = {
      {"folded_image", image},
      {"patch_embeddings", output->patch_embeddings},
      {"last_hidden_state", output->last_hidden_state},
      {"pooler_output", output->pooled},
      {"audio_embeds", output->embedding}};
  for (const auto& [name, tensor] : computed) {
    if (!comparison.Expects(name) || !tensor.defined()) continue;
    comparison.CompareTo(prefix + name, tensor, ToTensor(golden.output.find(name)->second),
                         golden.tolerance());
  }
  return absl::OkStatus();
}

// The case's texts without their padding.
absl::StatusOr<std::vector<std::vector<int32_t>>> GivenTexts(const GoldenCase& golden,
                                                             at::Tensor& mask) {
  auto ids = golden.Input("input_ids");
  if (!ids.ok()) return ids.status();
  mask = at::ones_like(*ids).to(at::kBool);
  if (golden.input.contains("attention_mask")) {
    auto given = golden.Input("attention_mask");
    if (!given.ok()) return given.status();
    mask = *given != 0;
  }
  std::vector<std::vector<int32_t>> texts;
  for (int64_t b = 0; b < ids->size(0); ++b) {
    const at::Tensor row = (*ids)[b].index({mask[b]}).to(at::kInt).contiguous();
    const auto* data = row.const_data_ptr<int32_t>();
    texts.emplace_back(data, data + row.numel());
  }
  return texts;
}

}  // namespace

absl::Status VerifyClapText(const GoldenCase& golden, Comparison& comparison) {
  const at::NoGradGuard no_grad;
  auto config =
      ParseClapTextConfig(golden.config_json, absl::StrCat(golden.folder, "/config.json"));
  if (!config.ok()) return config.status();
  auto model = ClapText::Load(*config, golden.weights, golden.folder);
  if (!model.ok()) return model.status();
  at::Tensor mask;
  auto texts = GivenTexts(golden, mask);
  if (!texts.ok()) return texts.status();
  auto output = model->Forward(*texts);
  if (!output.ok()) return output.status();
  at::Tensor states = at::zeros({mask.size(0), mask.size(1), output->last_hidden_state.size(1)});
  states.index_put_({mask}, output->last_hidden_state);
  comparison.Compare("last_hidden_state", states, mask);
  comparison.Compare("pooler_output", output->pooled);
  if (output->embedding.defined()) comparison.Compare("text_embeds", output->embedding);
  return absl::OkStatus();
}

absl::Status VerifyClap(const GoldenCase& golden, Comparison& comparison) {
  const at::NoGradGuard no_grad;
  auto model = Clap::Load(golden.config_json, golden.weights, golden.folder);
  if (!model.ok()) return model.status();
  auto batch = GivenBatch(golden);
  if (!batch.ok()) return batch.status();
  auto sounds = model->audio().Forward(batch->features, batch->is_longer);
  if (!sounds.ok()) return sounds.status();
  at::Tensor mask;
  auto given = GivenTexts(golden, mask);
  if (!given.ok()) return given.status();
  auto texts = model->text().Forward(*given);
  if (!texts.ok()) return texts.status();
  const at::Tensor audio = ScaleToUnitLength(sounds->embedding);
  const at::Tensor text = ScaleToUnitLength(texts->embedding);
  comparison.Compare("audio_embeds", audio);
  comparison.Compare("text_embeds", text);
  comparison.Compare("logits_per_audio", model->ScoresOfSounds(audio, text));
  comparison.Compare("logits_per_text", model->ScoresOfTexts(audio, text));
  return absl::OkStatus();
}

absl::Status VerifyClapAudio(const GoldenCase& golden, Comparison& comparison) {
  const at::NoGradGuard no_grad;
  auto config =
      ParseClapAudioConfig(golden.config_json, absl::StrCat(golden.folder, "/config.json"));
  if (!config.ok()) return config.status();
  auto model = ClapAudio::Load(*config, golden.weights, golden.folder);
  if (!model.ok()) return model.status();
  auto given = GivenBatch(golden);
  if (!given.ok()) return given.status();
  absl::Status status = CompareForward(golden, *model, *given, "", comparison);
  if (!status.ok() || golden.files.empty()) return status;

  auto preprocessor = golden.ReadText("preprocessor_config.json");
  if (!preprocessor.ok()) return preprocessor.status();
  auto spec =
      ParseClapFeatureSpec(*preprocessor, absl::StrCat(golden.folder, "/preprocessor_config.json"));
  if (!spec.ok()) return spec.status();
  const ClapFeatureExtractor extractor(*spec);
  status = CompareCaseSound(golden, "waveform", spec->mel.sample_rate, ResampleMethod::kSincHann,
                            comparison);
  if (!status.ok()) return status;
  auto batch = BatchOfFiles(golden, extractor);
  if (!batch.ok()) return batch.status();
  comparison.CompareTo("file.input_features", batch->features, given->features, kLogMelTolerance);
  comparison.CompareExactly("file.is_longer", AsTensor(batch->is_longer),
                            AsTensor(given->is_longer));
  return CompareForward(golden, *model, *batch, "file.", comparison);
}

}  // namespace strata::models
