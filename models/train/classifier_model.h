// The model that TrainClassifier trains: an HDT encoder with a sentence classifier.
#ifndef STRATA_MODELS_TRAIN_CLASSIFIER_MODEL_H_
#define STRATA_MODELS_TRAIN_CLASSIFIER_MODEL_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/hdt/hdt.h"
#include "models/heads/sentence_classifier.h"
#include "models/train/train.h"

namespace strata::models {

struct ClassifierModel {
  Hdt encoder;
  SentenceClassifierWeights head;

  // Freshly initialised from ATen's global generator; every tensor asks for gradients.
  static absl::StatusOr<ClassifierModel> Initialize(const TrainOptions& options, int32_t vocab_size,
                                                    const std::vector<std::string>& labels);
  // Encoder and head in one table, under the names of the file that is written.
  std::vector<WeightEntry> Table();
  // Tensors without repetition (q, k, v are one), with whether weight decay acts on them.
  std::vector<std::pair<at::Tensor, bool>> Parameters();
};

// config.json of the model folder that is written.
std::string ClassifierConfigJson(const TrainOptions& options, int32_t vocab_size,
                                 const std::vector<std::string>& labels);

struct ClassifierLoss {
  at::Tensor total;  // scalar, differentiable
  SentenceClassifierOutput output;
};

// Cross entropy of the document, plus `sentence_loss` times that of its sentences' own predictions
// (the mean over a document's sentences, then over documents). targets: B class indices.
absl::StatusOr<ClassifierLoss> ComputeClassifierLoss(const ClassifierModel& model,
                                                     const PackedBatch& batch,
                                                     const std::vector<int64_t>& targets,
                                                     const TrainRecipe& recipe);

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_CLASSIFIER_MODEL_H_
