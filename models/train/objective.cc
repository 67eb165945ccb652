#include "models/train/objective.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"

namespace strata::models {
namespace {

// The labelled nodes' anchors and their targets.
struct Targets {
  LabelledAnchors anchors;
  std::vector<int64_t> classes;  // [A]; kUnlabelled without a label
};

Targets TargetsOf(const PackedBatch& batch, absl::Span<const TrainingDocument> examples,
                  TrainTask task) {
  const TokenRole role =
      task == TrainTask::kSections ? TokenRole::kSectionAnchor : TokenRole::kSentenceAnchor;
  Targets targets;
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    const std::vector<int32_t>& classes = examples[static_cast<size_t>(b)].targets;
    size_t place = 0;
    for (int32_t t = batch.cu_seqlens[static_cast<size_t>(b)];
         t < batch.cu_seqlens[static_cast<size_t>(b) + 1]; ++t) {
      if (batch.roles[static_cast<size_t>(t)] != role || place == classes.size()) continue;
      const int32_t target = classes[place++];
      if (target == kNoNode) continue;
      targets.anchors.rows.push_back(t);
      targets.anchors.documents.push_back(b);
      targets.classes.push_back(target);
    }
  }
  return targets;
}

at::Tensor CrossEntropy(const at::Tensor& logits, const at::Tensor& targets,
                        const at::Tensor& class_weights, at::Reduction::Reduction reduction,
                        double label_smoothing) {
  return at::cross_entropy_loss(logits, targets, class_weights, reduction, kUnlabelled,
                                label_smoothing);
}

at::Tensor DocumentLoss(const TrainedModel& model, const at::Tensor& states,
                        const PackedBatch& batch, absl::Span<const TrainingDocument> examples,
                        const TrainRecipe& recipe, const at::Tensor& class_weights) {
  const auto& head = std::get<SentenceClassifierWeights>(model.head);
  const SentenceClassifierOutput output = ClassifySentences(
      head, states, batch, model.encoder.config().layer_norm_epsilon, recipe.head_dropout);
  std::vector<int64_t> classes;
  for (const TrainingDocument& example : examples) classes.push_back(example.targets.front());
  const at::Tensor target = at::tensor(classes, at::kLong);
  at::Tensor loss = CrossEntropy(output.logits, target, class_weights, at::Reduction::Mean,
                                 recipe.label_smoothing);
  if (recipe.sentence_loss == 0) return loss;
  const at::Tensor document = at::tensor(output.document, at::kLong);
  const at::Tensor each =
      CrossEntropy(output.sentence_logits + head.out_bias, target.index_select(0, document),
                   class_weights, at::Reduction::None, recipe.label_smoothing);
  const at::Tensor count = at::zeros({batch.num_documents()})
                               .index_add(0, document, at::ones_like(document, at::kFloat));
  return loss + recipe.sentence_loss / static_cast<double>(batch.num_documents()) *
                    (each / count.index_select(0, document)).sum();
}

NodeLogProbabilities Label(const TrainedModel& model, const at::Tensor& states,
                           const LabelledAnchors& anchors, double dropout) {
  return LabelNodes(std::get<NodeLabellerWeights>(model.head), states, anchors,
                    model.encoder.config().layer_norm_epsilon, dropout);
}

}  // namespace

at::Tensor ClassWeights(const std::vector<TrainingDocument>& documents, size_t num_labels,
                        double balance) {
  if (balance == 0) return {};
  std::vector<double> counts(num_labels, 0.0);
  double total = 0;
  for (const TrainingDocument& document : documents) {
    for (int32_t target : document.targets) {
      if (target < 0) continue;
      ++counts[static_cast<size_t>(target)];
      ++total;
    }
  }
  std::vector<float> weights;
  for (double count : counts) {
    const double even = total / (static_cast<double>(num_labels) * std::max(count, 1.0));
    weights.push_back(static_cast<float>(std::pow(even, balance)));
  }
  return at::tensor(weights);
}

absl::StatusOr<at::Tensor> ComputeLoss(const TrainedModel& model, const PackedBatch& batch,
                                       absl::Span<const TrainingDocument> examples,
                                       const TrainOptions& options,
                                       const at::Tensor& class_weights) {
  const TrainRecipe& recipe = options.recipe;
  HdtForwardOptions forward;
  forward.dropout = recipe.dropout;
  auto states = model.encoder.Forward(batch, forward);
  if (!states.ok()) return states.status();
  if (options.task == TrainTask::kDocuments) {
    return DocumentLoss(model, *states, batch, examples, recipe, class_weights);
  }
  const Targets targets = TargetsOf(batch, examples, options.task);
  bool any = false;
  for (int64_t target : targets.classes) any |= target >= 0;
  // The mean of nothing is no number; such a batch teaches nothing.
  if (!any) return states->sum() * 0.0;
  const NodeLogProbabilities labels = Label(model, *states, targets.anchors, recipe.head_dropout);
  const at::Tensor target = at::tensor(targets.classes, at::kLong);
  // Log-probabilities are their own logits.
  const auto loss_of = [&](const at::Tensor& log_probabilities) {
    return CrossEntropy(log_probabilities, target, class_weights, at::Reduction::Mean,
                        recipe.label_smoothing);
  };
  at::Tensor loss = loss_of(labels.marginals);
  if (recipe.sentence_loss > 0) loss = loss + recipe.sentence_loss * loss_of(labels.alone);
  return loss;
}

absl::Status Score(const TrainedModel& model, const PackedBatch& batch,
                   absl::Span<const TrainingDocument> examples, TrainTask task,
                   int64_t first_document, std::vector<ClassificationOutcome>& outcomes) {
  auto states = model.encoder.Forward(batch);
  if (!states.ok()) return states.status();
  at::Tensor log_probabilities;
  Targets targets;
  if (task == TrainTask::kDocuments) {
    log_probabilities =
        at::log_softmax(ClassifySentences(std::get<SentenceClassifierWeights>(model.head), *states,
                                          batch, model.encoder.config().layer_norm_epsilon)
                            .logits,
                        1);
    for (size_t b = 0; b < examples.size(); ++b) {
      targets.classes.push_back(examples[b].targets.front());
      targets.anchors.documents.push_back(static_cast<int64_t>(b));
    }
  } else {
    targets = TargetsOf(batch, examples, task);
    log_probabilities = Label(model, *states, targets.anchors, /*dropout=*/0).marginals;
  }
  const at::Tensor best = log_probabilities.argmax(1);
  for (size_t i = 0; i < targets.classes.size(); ++i) {
    const int64_t truth = targets.classes[i];
    if (truth < 0) continue;
    const auto row = static_cast<int64_t>(i);
    outcomes.push_back({static_cast<int32_t>(truth),
                        static_cast<int32_t>(best[row].item<int64_t>()),
                        -log_probabilities[row][truth].item<double>(),
                        first_document + targets.anchors.documents[i]});
  }
  return absl::OkStatus();
}

}  // namespace strata::models
