#include "models/verify/hat_pretraining_verify.h"

#include <ATen/core/grad_mode.h>

#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/hat/hat_heads.h"
#include "models/hat/hat_objectives.h"
#include "models/layers/config_fields.h"
#include "models/verify/hat_case_input.h"
#include "models/verify/training_case.h"

namespace strata::models {
namespace {

constexpr char kBagOfWords[] = "HATModelForBoWPreTraining";
constexpr char kVicReg[] = "HATModelForVICRegPreTraining";
constexpr char kSimClr[] = "HATModelForSimCLRPreTraining";

// Fields of config.json that only these classes read.
struct Switches {
  bool masked_lm = false;  // mlm, or mslm (bag of words)
  bool segments = false;   // srp, or sent_sim
  bool documents = false;  // drp, or doc_sim
  bool regularizes_segments = true, regularizes_documents = true;
  bool embeds_sentences = false;  // labels of segments are vectors, not bags of words
  double temperature = 1;
};

absl::StatusOr<Switches> ReadSwitches(const GoldenCase& golden, const HatConfig& config) {
  Switches switches;
  ConfigFields fields(golden.config_json, absl::StrCat(golden.folder, "/config.json"));
  bool mlm = false, mslm = false;
  fields.Flag("mlm", mlm);
  const bool has_views = golden.class_name() != kBagOfWords;
  if (!has_views) fields.Flag("mslm", mslm);
  fields.Flag(has_views ? "sent_sim" : "srp", switches.segments);
  fields.Flag(has_views ? "doc_sim" : "drp", switches.documents);
  fields.Number("temperature", switches.temperature);
  int32_t embedding_size = config.vocab_size;
  fields.Size("sentence_embedding_size", 1, embedding_size);
  if (!fields.status().ok()) return fields.status();
  switches.masked_lm = mlm || mslm;
  switches.embeds_sentences = embedding_size != config.vocab_size;
  const auto arguments = golden.description.value("class_arguments", nlohmann::json::object());
  switches.regularizes_segments = arguments.value("sentence_regularization", true);
  switches.regularizes_documents = arguments.value("document_regularization", true);
  return switches;
}

// One pass over one view.
struct View {
  at::Tensor logits;     // [rows, n, V] masked LM; undefined without
  at::Tensor segments;   // [rows, N, d] sentencizer's vectors
  at::Tensor documents;  // [rows, d]
};

using Outputs = std::map<std::string, at::Tensor>;

class PretrainingCase {
 public:
  PretrainingCase(const GoldenCase& golden, const Switches& switches, Hat model)
      : golden_(golden), switches_(switches), model_(std::move(model)) {}

  absl::Status Verify(Comparison& comparison);

 private:
  absl::Status ReadInputs();
  absl::StatusOr<View> Run(const HatCaseInput& input) const;
  absl::StatusOr<Outputs> Compute() const;
  absl::Status AddBagOfWords(const View& view, Outputs& outputs) const;
  absl::Status AddViews(const View& x, const View& y, Outputs& outputs) const;
  void Compare(const Outputs& outputs, Comparison& comparison) const;

  // An input as int64, bool or float; undefined if the case lacks it.
  at::Tensor Optional(const char* name) const {
    auto tensor = golden_.Input(name);
    return tensor.ok() ? *tensor : at::Tensor();
  }

  const GoldenCase& golden_;
  const Switches switches_;
  Hat model_;
  HatCaseInput first_, second_;
};

absl::Status PretrainingCase::ReadInputs() {
  auto input = ReadHatCaseInput(golden_, model_.config(), /*reads_last=*/false);
  if (!input.ok()) return input.status();
  first_ = *std::move(input);
  if (golden_.class_name() == kBagOfWords) return absl::OkStatus();
  auto second = ReadHatCaseInput(golden_, model_.config(), false, "secondary_");
  if (!second.ok()) return second.status();
  second_ = *std::move(second);
  return absl::OkStatus();
}

absl::StatusOr<View> PretrainingCase::Run(const HatCaseInput& input) const {
  auto states = model_.Forward(input.batch);
  if (!states.ok()) return states.status();
  View view;
  if (switches_.masked_lm) {
    view.logits = PadHatRows(
        HatMaskedLmLogits(model_, states->narrow(0, 0, input.batch.num_attended)), input);
  }
  if (switches_.segments || switches_.documents) {
    auto segments = PadHatSegments(HatSentencizer(model_, *states, input.batch), input.batch);
    if (!segments.ok()) return segments.status();
    view.segments = *std::move(segments);
  }
  if (switches_.documents) view.documents = HatPooler(model_, std::get<0>(view.segments.max(1)));
  return view;
}

at::Tensor MaskedLmLoss(const at::Tensor& logits, const at::Tensor& labels) {
  return HatCrossEntropy(logits.reshape({-1, logits.size(-1)}), labels);
}

// The terms of the sum, in the reference's order.
void AddTo(at::Tensor& total, const at::Tensor& term) {
  total = total.defined() ? total + term : term;
}

absl::StatusOr<Outputs> PretrainingCase::Compute() const {
  auto first = Run(first_);
  if (!first.ok()) return first.status();
  Outputs outputs;
  if (switches_.masked_lm) outputs["prediction_logits"] = first->logits;
  if (golden_.class_name() == kBagOfWords) {
    if (absl::Status status = AddBagOfWords(*first, outputs); !status.ok()) return status;
    return outputs;
  }
  auto second = Run(second_);
  if (!second.ok()) return second.status();
  if (absl::Status status = AddViews(*first, *second, outputs); !status.ok()) return status;
  return outputs;
}

absl::Status PretrainingCase::AddBagOfWords(const View& view, Outputs& outputs) const {
  const HatWeights& weights = model_.weights();
  const auto select = [](const at::Tensor& scores, const at::Tensor& ids) {
    return ids.defined() ? scores.index_select(-1, ids.to(at::kLong)) : scores;
  };
  at::Tensor total;
  const at::Tensor labels = Optional("labels");
  if (labels.defined()) {
    outputs["mlm_loss"] = MaskedLmLoss(view.logits, labels);
    AddTo(total, outputs["mlm_loss"]);
  }
  if (switches_.segments) {
    outputs["sentence_prediction_logits"] =
        select(Apply(weights.segment_words, view.segments), Optional("sentence_mask_ids"));
  }
  if (switches_.documents) {
    outputs["document_prediction_logits"] =
        select(Apply(weights.document_words, view.documents), Optional("document_mask_ids"));
  }
  const at::Tensor document_labels = Optional("document_labels");
  if (document_labels.defined()) {
    outputs["drp_loss"] = at::binary_cross_entropy_with_logits(
        outputs["document_prediction_logits"], document_labels.to(at::kFloat));
    AddTo(total, outputs["drp_loss"]);
  }
  const at::Tensor sentence_labels = Optional("sentence_labels");
  if (sentence_labels.defined()) {
    auto masks = golden_.Input("sentence_masks");
    if (!masks.ok()) return masks.status();
    const at::Tensor counted = masks->to(at::kBool);
    const at::Tensor scores = outputs["sentence_prediction_logits"].index({counted});
    const at::Tensor targets = sentence_labels.to(at::kFloat).index({counted});
    outputs["srp_loss"] = switches_.embeds_sentences
                              ? ViewDistance(scores, targets)
                              : at::binary_cross_entropy_with_logits(scores, targets);
    AddTo(total, outputs["srp_loss"]);
  }
  if (total.defined()) outputs["loss"] = total;
  return absl::OkStatus();
}

absl::Status PretrainingCase::AddViews(const View& x, const View& y, Outputs& outputs) const {
  const bool contrasts = golden_.class_name() == kSimClr;
  const at::Tensor labels = Optional("labels"), secondary = Optional("secondary_labels");
  at::Tensor total;
  if (labels.defined()) {
    outputs["mlm_loss"] = MaskedLmLoss(x.logits, labels);
    AddTo(total, outputs["mlm_loss"] / 2);
  }
  if (secondary.defined()) {
    outputs["mlm_loss"] = MaskedLmLoss(y.logits, secondary);
    AddTo(total, outputs["mlm_loss"] / 2);
  }
  const auto add = [&](const char* kind, const at::Tensor& loss, const VicRegTerms& terms,
                       bool regularizes) {
    outputs[absl::StrCat(kind, contrasts ? "_contr_loss" : "_sim_loss")] = loss;
    outputs[absl::StrCat(kind, "_std_loss")] = terms.variance;
    outputs[absl::StrCat(kind, "_cov_loss")] = terms.covariance;
    AddTo(total, loss);
    if (regularizes) AddTo(total, terms.variance + 0.1 * terms.covariance);
  };
  const auto scale = [](const at::Tensor& v) {
    return v / v.norm(2, {-1}, /*keepdim=*/true).clamp_min(1e-12);
  };
  if (switches_.segments) {
    auto masks = golden_.Input("sentence_masks");
    if (!masks.ok()) return masks.status();
    const at::Tensor counted = masks->to(at::kBool);
    const at::Tensor own = x.segments.index({counted}), other = y.segments.index({counted});
    const at::Tensor loss = contrasts ? ContrastiveLoss(scale(x.segments.flatten(0, 1)),
                                                        scale(y.segments.flatten(0, 1)),
                                                        counted.reshape(-1), switches_.temperature)
                                      : ViewDistance(own, other);
    add("sent", loss, VicReg(own, other), switches_.regularizes_segments);
  }
  if (switches_.documents) {
    const at::Tensor own = contrasts ? scale(x.documents) : x.documents;
    const at::Tensor other = contrasts ? scale(y.documents) : y.documents;
    // Without labels the reference's SimCLR forgets the segments' losses here.
    if (contrasts && !labels.defined()) total = at::Tensor();
    const at::Tensor loss = contrasts ? ContrastiveLoss(own, other, {}, switches_.temperature)
                                      : ViewDistance(own, other);
    add("doc", loss, VicReg(own, other), switches_.regularizes_documents);
  }
  if (total.defined()) outputs["loss"] = total;
  return absl::OkStatus();
}

void PretrainingCase::Compare(const Outputs& outputs, Comparison& comparison) const {
  for (const auto& [name, value] : outputs) {
    at::Tensor rows;
    if (name == "prediction_logits") rows = first_.real;
    if (name == "sentence_prediction_logits") {
      rows = first_.real.reshape({value.size(0), value.size(1), -1}).select(2, 0);
    }
    comparison.Compare(name, value, rows);
  }
}

absl::Status PretrainingCase::Verify(Comparison& comparison) {
  if (absl::Status status = ReadInputs(); !status.ok()) return status;
  if (!golden_.description.contains("training")) {
    const at::NoGradGuard no_grad;
    auto outputs = Compute();
    if (!outputs.ok()) return outputs.status();
    Compare(*outputs, comparison);
    return absl::OkStatus();
  }
  bool is_first = true;
  const auto loss = [&]() -> absl::StatusOr<at::Tensor> {
    auto outputs = Compute();
    if (!outputs.ok()) return outputs.status();
    const at::Tensor total = (*outputs)["loss"];
    if (!total.defined()) return absl::InvalidArgumentError("the case has no labels to train on");
    outputs->erase("loss");
    if (is_first) Compare(*outputs, comparison);
    is_first = false;
    return total;
  };
  return CompareTraining(golden_, model_.Table(), loss, comparison);
}

}  // namespace

bool IsHatPretrainingClass(const std::string& class_name) {
  return class_name == kBagOfWords || class_name == kVicReg || class_name == kSimClr;
}

absl::Status VerifyHatPretraining(const GoldenCase& golden, const HatConfig& config,
                                  Comparison& comparison) {
  auto switches = ReadSwitches(golden, config);
  if (!switches.ok()) return switches.status();
  HatHeads heads;
  heads.masked_lm = switches->masked_lm;
  heads.sentencizer = switches->segments || switches->documents;
  heads.pooler = switches->documents;
  const bool has_bags = golden.class_name() == kBagOfWords;
  heads.document_words = has_bags && switches->documents;
  heads.segment_words = has_bags && switches->segments;
  auto model = Hat::Load(config, heads, golden.weights, nullptr, golden.folder);
  if (!model.ok()) return model.status();
  return PretrainingCase(golden, *switches, *std::move(model)).Verify(comparison);
}

}  // namespace strata::models
