#include "models/verify/hdt_verify.h"

#include <ATen/core/grad_mode.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/batch/packed_batch.h"
#include "models/hdt/hdt.h"
#include "models/verify/hdt_case_input.h"
#include "models/verify/hdt_generation_verify.h"
#include "models/verify/training_case.h"

namespace strata::models {
namespace {

constexpr char kProbabilities[] = "attention_probabilities.";

// Layers whose attention probabilities the case expects.
std::map<int, at::Tensor> WantedProbabilities(const GoldenCase& golden) {
  std::map<int, at::Tensor> wanted;
  for (const auto& [name, view] : golden.output) {
    int layer = 0;
    if (absl::StartsWith(name, kProbabilities) &&
        absl::SimpleAtoi(name.substr(sizeof(kProbabilities) - 1), &layer)) {
      wanted[layer];
    }
  }
  return wanted;
}

// [H, T, T] of a packed batch as [B, H, n, n].
at::Tensor UnpackProbabilities(const at::Tensor& packed, const HdtCaseInput& input) {
  const auto documents = static_cast<int64_t>(input.sequences.size());
  at::Tensor padded =
      at::zeros({documents, packed.size(0), input.padded_length, input.padded_length});
  int64_t first = 0;
  for (int64_t b = 0; b < documents; ++b) {
    const int64_t length = input.sequences[static_cast<size_t>(b)].num_tokens();
    padded[b]
        .narrow(1, 0, length)
        .narrow(2, 0, length)
        .copy_(packed.narrow(1, first, length).narrow(2, first, length));
    first += length;
  }
  return padded;
}

absl::Status VerifyForward(const GoldenCase& golden, const Hdt& model, const HdtCaseInput& input,
                           Comparison& comparison) {
  const at::NoGradGuard no_grad;
  auto batch = PackInput(input);
  if (!batch.ok()) return batch.status();
  std::map<int, at::Tensor> probabilities = WantedProbabilities(golden);
  HdtForwardOptions options;
  options.probabilities = &probabilities;
  options.hidden = input.hidden;
  auto states = model.Forward(*batch, options);
  if (!states.ok()) return states.status();
  for (const char* name : {"last_hidden_state", "encoder_last_hidden_state"}) {
    if (comparison.Expects(name)) comparison.Compare(name, Unpack(*states, input), input.real);
  }
  if (comparison.Expects("pooler_output")) {
    comparison.Compare("pooler_output",
                       model.Pool(*states, *batch, model.config().pool_scheme, input.num_padding));
  }
  if (comparison.Expects("prediction_logits")) {
    comparison.Compare("prediction_logits", Unpack(model.MaskedLmLogits(*states), input),
                       input.real);
  }
  for (const auto& [layer, packed] : probabilities) {
    if (!packed.defined()) {
      return absl::InvalidArgumentError(absl::StrCat("the model has no layer ", layer));
    }
    comparison.Compare(absl::StrCat(kProbabilities, layer), UnpackProbabilities(packed, input));
  }
  return absl::OkStatus();
}

// Masked LM: cross entropy over labels >= 0.
absl::Status VerifyTraining(const GoldenCase& golden, Hdt& model, const HdtCaseInput& input,
                            Comparison& comparison) {
  auto labels = golden.Input("labels");
  if (!labels.ok()) return labels.status();
  auto batch = PackInput(input);
  if (!batch.ok()) return batch.status();
  const at::Tensor targets = labels->index({input.real}).to(at::kLong);
  const at::Tensor counted = targets >= 0;

  const auto loss = [&]() -> absl::StatusOr<at::Tensor> {
    auto states = model.Forward(*batch, {.hidden = input.hidden});
    if (!states.ok()) return states.status();
    const at::Tensor logits = model.MaskedLmLogits(*states);
    return at::cross_entropy_loss(logits.index({counted}), targets.index({counted}));
  };
  return CompareTraining(golden, model.Table("model."), loss, comparison);
}

}  // namespace

absl::Status VerifyHdt(const GoldenCase& golden, Comparison& comparison) {
  if (golden.class_name() == "HDTForConditionalGeneration") {
    return VerifyHdtGeneration(golden, comparison);
  }
  auto config = ParseHdtConfig(golden.config_json, absl::StrCat(golden.folder, "/config.json"));
  if (!config.ok()) return config.status();
  HdtHeads heads;
  heads.pooler = golden.class_name() == "HDTEncoderModel";
  heads.masked_lm = golden.class_name() == "HDTEncoderForPreTraining";
  auto model = Hdt::Load(*config, heads, golden.weights, nullptr, golden.folder);
  if (!model.ok()) return model.status();
  at::Tensor mask;
  if (golden.input.contains("attention_mask")) {
    auto given = golden.Input("attention_mask");
    if (!given.ok()) return given.status();
    mask = *given;
  }
  auto input = ReadHdtCaseInput(golden, *config, mask);
  if (!input.ok()) return input.status();
  const bool is_training = golden.description.contains("training");
  // What is served is what is checked; the training cases check the differentiable form.
  if (!is_training) {
    const absl::Status packed = model->PackForInference();
    if (!packed.ok()) return packed;
  }
  absl::Status status = is_training ? VerifyTraining(golden, *model, *input, comparison)
                                    : VerifyForward(golden, *model, *input, comparison);
  if (!status.ok()) return status;
  return CompareHdtTexts(golden, *input, comparison);
}

}  // namespace strata::models
