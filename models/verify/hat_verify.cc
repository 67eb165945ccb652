#include "models/verify/hat_verify.h"

#include <ATen/core/grad_mode.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/hat/hat_heads.h"
#include "models/verify/hat_case_input.h"
#include "models/verify/hat_pretraining_verify.h"
#include "models/verify/hat_text_case.h"
#include "models/verify/training_case.h"

namespace strata::models {
namespace {

// What the class computes beyond hidden states.
enum class Task : uint8_t {
  kNone,
  kMaskedLm,
  kDocument,
  kChoices,
  kSegments,
  kTokens,
  kSpans,
  kDocumentVector,
  kSegmentVectors,
};

struct ClassRow {
  const char* name;
  Task task;
  HatPooling pooling;  // the constructor's default
};

constexpr ClassRow kClasses[] = {
    {"HATModel", Task::kNone, HatPooling::kMax},
    {"HATForMaskedLM", Task::kMaskedLm, HatPooling::kMax},
    {"HATForSequenceClassification", Task::kDocument, HatPooling::kMax},
    {"HATForMultipleChoice", Task::kChoices, HatPooling::kLast},
    {"HATModelForSequentialSentenceClassification", Task::kSegments, HatPooling::kMax},
    {"HATForTokenClassification", Task::kTokens, HatPooling::kMax},
    {"HATForQuestionAnswering", Task::kSpans, HatPooling::kMax},
    {"HATModelForDocumentRepresentation", Task::kDocumentVector, HatPooling::kMax},
    {"HATModelForMaskedSentenceRepresentation", Task::kSegmentVectors, HatPooling::kMax},
};

absl::StatusOr<ClassRow> FindClass(const GoldenCase& golden) {
  for (const ClassRow& row : kClasses) {
    if (golden.class_name() != row.name) continue;
    ClassRow found = row;
    const auto arguments = golden.description.value("class_arguments", nlohmann::json::object());
    for (const auto& [name, value] : arguments.items()) {
      if (name != "pooling" || !value.is_string()) {
        return absl::UnimplementedError(
            absl::StrCat("case.json: class_arguments has '", name, "', only pooling is known"));
      }
      auto pooling = ParseHatPooling(value.get<std::string>());
      if (!pooling.ok()) return pooling.status();
      found.pooling = *pooling;
    }
    return found;
  }
  return absl::UnimplementedError(
      absl::StrCat("case.json: HAT has no class '", golden.class_name(), "' here"));
}

HatHeads HeadsOf(const ClassRow& row, const HatConfig& config) {
  HatHeads heads;
  heads.masked_lm = row.task == Task::kMaskedLm;
  heads.pooler = row.task == Task::kDocument || row.task == Task::kChoices ||
                 row.task == Task::kDocumentVector;
  heads.attentive = heads.pooler && row.pooling == HatPooling::kAttentive;
  heads.sentencizer = row.task == Task::kSegments || row.task == Task::kSegmentVectors;
  heads.spans = row.task == Task::kSpans;
  if (row.task == Task::kDocument || row.task == Task::kSegments || row.task == Task::kTokens) {
    heads.num_classes = config.num_labels();
  }
  if (row.task == Task::kChoices) heads.num_classes = 1;
  return heads;
}

// Options that the loader must have are fields of our configuration.
absl::StatusOr<HatConfig> ReadConfig(const GoldenCase& golden) {
  std::string json = golden.config_json;
  const auto options = golden.description.find("loader_options");
  if (options != golden.description.end()) {
    nlohmann::json config = nlohmann::json::parse(json, nullptr, false);
    for (const auto& [name, value] : options->items()) {
      if (name != "cross_segment_positions") {
        return absl::UnimplementedError(
            absl::StrCat("case.json: loader option '", name, "' is not known"));
      }
      if (config.is_object()) config[name] = value;
    }
    json = config.dump();
  }
  return ParseHatConfig(json, absl::StrCat(golden.folder, "/config.json"));
}

// One case, loaded.
class HatCase {
 public:
  HatCase(const GoldenCase& golden, const ClassRow& row, Hat model, HatCaseInput input,
          Comparison& comparison)
      : golden_(golden),
        row_(row),
        model_(std::move(model)),
        input_(std::move(input)),
        comparison_(comparison) {}

  absl::Status VerifyForward();
  absl::Status VerifyTraining();

 private:
  absl::StatusOr<at::Tensor> Forward() const { return model_.Forward(input_.batch); }
  absl::StatusOr<at::Tensor> Output(const at::Tensor& states) const;
  void CompareOutput(const at::Tensor& output);
  absl::StatusOr<at::Tensor> Loss(const at::Tensor& output) const;
  absl::StatusOr<at::Tensor> LabelsOfTokens() const;
  void CompareMaps(const std::vector<HatLayerMaps>& maps);
  bool ExpectsMaps() const;

  at::Tensor Attended(const at::Tensor& states) const {
    return states.narrow(0, 0, input_.batch.num_attended);
  }
  int64_t num_segments() const { return input_.length / model_.config().max_sentence_length; }
  // [rows, N] bool: segments whose first token is attended to.
  at::Tensor RealSegments() const {
    return input_.real.reshape({input_.num_rows, num_segments(), -1}).select(2, 0);
  }

  const GoldenCase& golden_;
  const ClassRow row_;
  Hat model_;
  const HatCaseInput input_;
  Comparison& comparison_;
};

// What the task computes, documents, segments or attended tokens in the leading dimension.
absl::StatusOr<at::Tensor> HatCase::Output(const at::Tensor& states) const {
  const auto vectors = [&] {
    return HatPooler(model_, HatPool(model_, states, input_.batch, row_.pooling));
  };
  switch (row_.task) {
    case Task::kNone:
      return states;
    case Task::kMaskedLm:
      return HatMaskedLmLogits(model_, Attended(states));
    case Task::kDocument:
      return HatClassifier(model_, vectors());
    case Task::kChoices:
      return HatClassifier(model_, vectors()).reshape({input_.shape[0], -1});
    case Task::kDocumentVector:
      return vectors();
    case Task::kSegmentVectors:
      return PadHatSegments(HatSentencizer(model_, states, input_.batch), input_.batch);
    case Task::kSegments:
      return PadHatSegments(HatClassifier(model_, HatSentencizer(model_, states, input_.batch)),
                            input_.batch);
    case Task::kTokens:
      return HatClassifier(model_, Attended(states));
    case Task::kSpans:
      return HatSpanLogits(model_, Attended(states));
  }
  return states;
}

void HatCase::CompareOutput(const at::Tensor& output) {
  switch (row_.task) {
    case Task::kNone:
      return;
    case Task::kMaskedLm:
    case Task::kTokens:
      comparison_.Compare("logits", PadHatRows(output, input_), input_.real);
      return;
    case Task::kDocument:
    case Task::kChoices:
      comparison_.Compare("logits", output);
      return;
    case Task::kSegments:
      comparison_.Compare("logits", output, RealSegments());
      return;
    case Task::kSpans:
      comparison_.Compare("start_logits", PadHatRows(output.select(1, 0), input_), input_.real);
      comparison_.Compare("end_logits", PadHatRows(output.select(1, 1), input_), input_.real);
      return;
    case Task::kDocumentVector:
      comparison_.Compare("representations", output);
      return;
    case Task::kSegmentVectors:
      comparison_.Compare("representations", output, RealSegments());
      return;
  }
}

// Labels of the attended tokens.
absl::StatusOr<at::Tensor> HatCase::LabelsOfTokens() const {
  auto labels = golden_.Input("labels");
  if (!labels.ok()) return labels.status();
  const at::Tensor rows = labels->reshape({input_.num_rows, input_.length});
  if (rows.index({input_.real.logical_not()}).ge(0).any().item<bool>()) {
    return absl::UnimplementedError("labels of tokens that are masked out");
  }
  return rows.index({input_.real});
}

absl::StatusOr<at::Tensor> HatCase::Loss(const at::Tensor& output) const {
  if (row_.task == Task::kMaskedLm || row_.task == Task::kTokens) {
    auto labels = LabelsOfTokens();
    if (!labels.ok()) return labels.status();
    return HatCrossEntropy(output, *labels);
  }
  auto labels = golden_.Input("labels");
  if (!labels.ok()) return labels.status();
  switch (row_.task) {
    case Task::kDocument:
      return HatDocumentLoss(model_.config(), output, *labels);
    case Task::kSegments:
      return HatSegmentLoss(model_.config(), output, *labels);
    case Task::kChoices:
      return HatCrossEntropy(output, *labels);
    default:
      return absl::UnimplementedError(
          absl::StrCat("the loss of class ", golden_.class_name(), " is not done"));
  }
}

bool HatCase::ExpectsMaps() const {
  for (const auto& [name, view] : golden_.output) {
    if (absl::StartsWith(name, "attentions.") || absl::StartsWith(name, "sentence_attentions.")) {
      return true;
    }
  }
  return false;
}

void HatCase::CompareMaps(const std::vector<HatLayerMaps>& maps) {
  const HatConfig& config = model_.config();
  const int64_t heads = config.num_attention_heads;
  const at::Tensor real_tokens =
      input_.real.reshape({input_.num_rows * num_segments(), 1, -1}).expand({-1, heads, -1});
  const at::Tensor real_segments = RealSegments().unsqueeze(1).expand({-1, heads, -1});
  for (size_t n = 0; n < maps.size(); ++n) {
    const std::string within = absl::StrCat("attentions.", n);
    if (comparison_.Expects(within) && config.encoder_layout[n].has_segment_encoder) {
      comparison_.Compare(within, PadHatMapsWithin(maps[n].within, config, input_), real_tokens);
    }
    const std::string across = absl::StrCat("sentence_attentions.", n);
    if (comparison_.Expects(across) && config.encoder_layout[n].has_cross_encoder) {
      comparison_.Compare(across, PadHatMapsAcross(maps[n].across, config, input_), real_segments);
    }
  }
}

absl::Status HatCase::VerifyForward() {
  const at::NoGradGuard no_grad;
  std::vector<HatLayerMaps> maps;
  HatForwardOptions options;
  if (ExpectsMaps()) options.maps = &maps;
  auto states = model_.Forward(input_.batch, options);
  if (!states.ok()) return states.status();
  if (comparison_.Expects("last_hidden_state")) {
    comparison_.Compare("last_hidden_state", PadHatRows(*states, input_), input_.real);
  }
  auto output = Output(*states);
  if (!output.ok()) return output.status();
  CompareOutput(*output);
  CompareMaps(maps);
  if (comparison_.Expects("loss")) {
    auto loss = Loss(*output);
    if (!loss.ok()) return loss.status();
    comparison_.Compare("loss", *loss);
  }
  return absl::OkStatus();
}

absl::Status HatCase::VerifyTraining() {
  bool is_first = true;
  const auto loss = [&]() -> absl::StatusOr<at::Tensor> {
    auto states = Forward();
    if (!states.ok()) return states.status();
    auto output = Output(*states);
    if (!output.ok()) return output.status();
    if (is_first) CompareOutput(*output);
    is_first = false;
    return Loss(*output);
  };
  return CompareTraining(golden_, model_.Table(), loss, comparison_);
}

}  // namespace

absl::Status VerifyHat(const GoldenCase& golden, Comparison& comparison) {
  auto config = ReadConfig(golden);
  if (!config.ok()) return config.status();
  if (IsHatPretrainingClass(golden.class_name())) {
    return VerifyHatPretraining(golden, *config, comparison);
  }
  auto row = FindClass(golden);
  if (!row.ok()) return row.status();
  const bool reads_last = row->pooling == HatPooling::kLast &&
                          (row->task == Task::kDocument || row->task == Task::kChoices);
  auto model = Hat::Load(*config, HeadsOf(*row, *config), golden.weights, nullptr, golden.folder);
  if (!model.ok()) return model.status();
  auto input = ReadHatCaseInput(golden, *config, reads_last);
  if (!input.ok()) return input.status();
  HatCase hat_case(golden, *row, *std::move(model), *std::move(input), comparison);
  const absl::Status status = golden.description.contains("training") ? hat_case.VerifyTraining()
                                                                      : hat_case.VerifyForward();
  if (!status.ok()) return status;
  return CompareHatTexts(golden, *config, comparison);
}

}  // namespace strata::models
