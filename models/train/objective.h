// Loss and outcomes of a packed batch of labelled documents, by the task of the model's head.
#ifndef STRATA_MODELS_TRAIN_OBJECTIVE_H_
#define STRATA_MODELS_TRAIN_OBJECTIVE_H_

#include <ATen/ATen.h>

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/batch/packed_batch.h"
#include "models/eval/metrics.h"
#include "models/train/train.h"
#include "models/train/trained_model.h"
#include "models/train/training_set.h"

namespace strata::models {

// How much each class counts in the loss: (n / (K · n_k)) ^ balance, n_k its labels among
// `documents`. [K] float32; undefined for balance 0, which is all alike.
at::Tensor ClassWeights(const std::vector<TrainingDocument>& documents, size_t num_labels,
                        double balance);

// Scalar, differentiable; means over what is labelled, weighted by class.
// Documents: cross entropy of the document, plus `sentence_loss` times that of its sentences' own
// predictions (the mean over a document's sentences, then over documents).
// Sections, sentences: cross entropy of the marginals, plus `sentence_loss` times that of each
// anchor by itself.
// examples: the batch's documents.
absl::StatusOr<at::Tensor> ComputeLoss(const TrainedModel& model, const PackedBatch& batch,
                                       absl::Span<const TrainingDocument> examples,
                                       const TrainOptions& options,
                                       const at::Tensor& class_weights);

// Appends what the model, without dropout, answers. first_document: the number of examples[0].
absl::Status Score(const TrainedModel& model, const PackedBatch& batch,
                   absl::Span<const TrainingDocument> examples, TrainTask task,
                   int64_t first_document, std::vector<ClassificationOutcome>& outcomes);

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_OBJECTIVE_H_
