#include "models/verify/htsat_verify.h"

#include <ATen/core/grad_mode.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/htsat/htsat.h"
#include "models/layers/config_fields.h"
#include "models/layers/tensor_bridge.h"
#include "models/verify/case_sound.h"

namespace strata::models {
namespace {

at::Tensor Expected(const GoldenCase& golden, const std::string& name) {
  return ToTensor(golden.output.find(name)->second);
}

void CompareLogMel(const GoldenCase& golden, const std::string& name, const at::Tensor& logmel,
                   const std::string& prefix, Comparison& comparison) {
  if (!comparison.Expects(name)) return;
  comparison.CompareTo(prefix + name, logmel.unsqueeze(1), Expected(golden, name),
                       kLogMelTolerance);
}

// Every output of one pass; `prefix` is "" or "file.".
absl::Status CompareForward(const GoldenCase& golden, const Htsat& model,
                            const at::Tensor& waveform, const std::string& prefix,
                            Comparison& comparison) {
  auto logmel = model.mel()(waveform);
  if (!logmel.ok()) return logmel.status();
  CompareLogMel(golden, "logmel", *logmel, prefix, comparison);
  HtsatForwardOptions options;
  at::Tensor image, tokens;
  options.infer_mode = golden.description.value("infer_mode", false);
  options.folded_image = &image;
  options.normed_tokens = &tokens;
  auto output = model.Forward(*logmel, options);
  if (!output.ok()) return output.status();
  const std::pair<const char*, at::Tensor> computed[] = {{"folded_image", image},
                                                         {"normed_tokens", tokens},
                                                         {"clipwise_output", output->clipwise},
                                                         {"framewise_output", output->framewise},
                                                         {"latent_output", output->latent}};
  for (const auto& [name, tensor] : computed) {
    if (!comparison.Expects(name) || !tensor.defined()) continue;
    comparison.CompareTo(prefix + name, tensor, Expected(golden, name), golden.tolerance());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status VerifyHtsat(const GoldenCase& golden, Comparison& comparison) {
  const at::NoGradGuard no_grad;
  auto config = ParseHtsatConfig(golden.config_json, absl::StrCat(golden.folder, "/config.json"));
  if (!config.ok()) return config.status();
  auto model = Htsat::Load(*config, golden.weights, golden.folder);
  if (!model.ok()) return model.status();
  auto waveform = golden.Input("waveform");
  if (!waveform.ok()) return waveform.status();
  absl::Status status = CompareForward(golden, *model, *waveform, "", comparison);
  if (!status.ok()) return status;
  const int32_t rate = config->mel.sample_rate;
  for (const auto& [name, method] : {std::pair{"waveform", ResampleMethod::kSoxrHq},
                                     {"waveform_torchaudio", ResampleMethod::kSincHann}}) {
    status = CompareCaseSound(golden, name, rate, method, comparison);
    if (!status.ok()) return status;
  }
  std::vector<at::Tensor> sounds;
  for (size_t i = 0; i < golden.files.size(); ++i) {
    auto sound = ReadCaseSound(golden, i, rate, ResampleMethod::kSoxrHq);
    if (!sound.ok()) return sound.status();
    sounds.push_back(*std::move(sound));
  }
  if (sounds.empty()) return absl::OkStatus();
  return CompareForward(golden, *model, at::stack(sounds, 0), "file.", comparison);
}

absl::Status VerifyHtsatFrontend(const GoldenCase& golden, Comparison& comparison) {
  const at::NoGradGuard no_grad;
  const std::string where = absl::StrCat(golden.folder, "/config.json");
  MelSpectrogramSpec spec;
  ConfigFields fields(golden.config_json, where);
  fields.Size("sample_rate", 1, spec.sample_rate);
  fields.Size("n_fft", 2, spec.n_fft);
  fields.Size("hop", 1, spec.hop);
  fields.Size("n_mels", 1, spec.num_mels);
  fields.Number("fmin", spec.min_frequency);
  fields.Number("fmax", spec.max_frequency);
  absl::Status status = fields.status();
  if (status.ok()) status = CheckMelSpectrogramSpec(spec, where);
  if (!status.ok()) return status;
  const MelSpectrogram mel(spec);
  comparison.Compare("mel_matrix", mel.filters());
  const struct {
    const char* input;
    const char* output;
    ResampleMethod method;
  } ways[] = {{"waveform", "logmel", ResampleMethod::kSoxrHq},
              {"waveform_torchaudio", "logmel_of_waveform_torchaudio", ResampleMethod::kSincHann}};
  for (const auto& way : ways) {
    if (!golden.input.contains(way.input)) continue;
    auto waveform = golden.Input(way.input);
    if (!waveform.ok()) return waveform.status();
    at::Tensor power;
    auto logmel = mel(*waveform, &power);
    if (!logmel.ok()) return logmel.status();
    CompareLogMel(golden, way.output, *logmel, "", comparison);
    if (way.method == ResampleMethod::kSoxrHq && power.size(1) >= 8) {
      comparison.Compare("spectrogram_first_8_frames", power.narrow(1, 0, 8).unsqueeze(1));
    }
    status = CompareCaseSound(golden, way.input, spec.sample_rate, way.method, comparison);
    if (!status.ok()) return status;
    if (golden.files.size() != 1) continue;
    auto sound = ReadCaseSound(golden, 0, spec.sample_rate, way.method);
    if (!sound.ok()) return sound.status();
    logmel = mel(sound->unsqueeze(0));
    if (!logmel.ok()) return logmel.status();
    CompareLogMel(golden, way.output, *logmel, "file.", comparison);
  }
  return absl::OkStatus();
}

}  // namespace strata::models
