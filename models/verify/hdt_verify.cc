#include "models/verify/hdt_verify.h"

#include <ATen/core/grad_mode.h>
#include <torch/optim/adamw.h>

#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/batch/packed_batch.h"
#include "models/hdt/hdt.h"
#include "models/verify/hdt_case_input.h"

namespace strata::models {
namespace {

constexpr char kProbabilities[] = "attention_probabilities.";

absl::StatusOr<PackedBatch> PackInput(const HdtCaseInput& input) {
  std::vector<const AnchoredSequence*> sequences;
  for (const AnchoredSequence& sequence : input.sequences) sequences.push_back(&sequence);
  return Pack(sequences);
}

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
  if (!probabilities.empty() && !model.config().is_hierarchical) {
    return absl::UnimplementedError("attention probabilities of a flat model");
  }
  HdtForwardOptions options;
  options.probabilities = &probabilities;
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

// Masked LM: cross entropy over labels >= 0, steps of AdamW, the loss before each and the gradients
// of the first.
absl::Status VerifyTraining(const GoldenCase& golden, Hdt& model, const HdtCaseInput& input,
                            Comparison& comparison) {
  const nlohmann::json& training = golden.description["training"];
  auto labels = golden.Input("labels");
  if (!labels.ok()) return labels.status();
  auto batch = PackInput(input);
  if (!batch.ok()) return batch.status();
  const at::Tensor targets = labels->index({input.real}).to(at::kLong);
  const at::Tensor counted = targets >= 0;

  const std::vector<WeightEntry> table = model.Table("model.");
  std::vector<at::Tensor> parameters;
  std::set<const at::Tensor*> seen;
  for (const WeightEntry& entry : table) {
    entry.tensor->set_requires_grad(true);
    if (seen.insert(entry.tensor).second) parameters.push_back(*entry.tensor);
  }
  torch::optim::AdamW adamw(parameters, torch::optim::AdamWOptions(training.value("lr", 1e-3))
                                            .weight_decay(training.value("weight_decay", 0.01)));
  std::vector<double> losses;
  for (int step = 0; step < training.value("steps", 1); ++step) {
    adamw.zero_grad();
    auto states = model.Forward(*batch);
    if (!states.ok()) return states.status();
    const at::Tensor logits = model.MaskedLmLogits(*states);
    const at::Tensor loss =
        at::cross_entropy_loss(logits.index({counted}), targets.index({counted}));
    losses.push_back(loss.item<double>());
    loss.backward();
    if (step == 0) {
      for (const WeightEntry& entry : table) {
        const std::string name = absl::StrCat("grad.", entry.key);
        if (!comparison.Expects(name)) continue;
        const at::Tensor& gradient = entry.tensor->grad();
        if (!gradient.defined()) {
          return absl::InternalError(absl::StrCat("no gradient reached '", entry.key, "'"));
        }
        comparison.Compare(name, gradient.narrow(0, entry.row_begin, entry.shape[0]));
      }
    }
    adamw.step();
  }
  comparison.Compare("loss", at::tensor(losses, at::kDouble));
  return absl::OkStatus();
}

}  // namespace

absl::Status VerifyHdt(const GoldenCase& golden, Comparison& comparison) {
  auto config = ParseHdtConfig(golden.config_json, absl::StrCat(golden.folder, "/config.json"));
  if (!config.ok()) return config.status();
  HdtHeads heads;
  heads.pooler = golden.class_name() == "HDTEncoderModel";
  heads.masked_lm = golden.class_name() == "HDTEncoderForPreTraining";
  auto model = Hdt::Load(*config, heads, golden.weights, nullptr, golden.folder);
  if (!model.ok()) return model.status();
  auto input = ReadHdtCaseInput(golden, *config);
  if (!input.ok()) return input.status();
  absl::Status status = golden.description.contains("training")
                            ? VerifyTraining(golden, *model, *input, comparison)
                            : VerifyForward(golden, *model, *input, comparison);
  if (!status.ok()) return status;
  return CompareHdtTexts(golden, *input, comparison);
}

}  // namespace strata::models
