// The model that is trained: an HDT encoder with the head of its task.
#ifndef STRATA_MODELS_TRAIN_TRAINED_MODEL_H_
#define STRATA_MODELS_TRAIN_TRAINED_MODEL_H_

#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "models/hdt/hdt.h"
#include "models/heads/node_labeller.h"
#include "models/heads/sentence_classifier.h"
#include "models/train/train.h"

namespace strata::models {

struct TrainedModel {
  Hdt encoder;
  std::variant<SentenceClassifierWeights, NodeLabellerWeights> head;

  // Freshly initialised from ATen's global generator; every tensor asks for gradients.
  static absl::StatusOr<TrainedModel> Initialize(const TrainOptions& options, int32_t vocab_size,
                                                 const std::vector<std::string>& labels);
  // Encoder and head in one table, under the names of the file that is written.
  std::vector<WeightEntry> Table();
  // Tensors without repetition (q, k, v are one), with whether weight decay acts on them.
  std::vector<std::pair<at::Tensor, bool>> Parameters();
};

// config.json of the model folder that is written.
std::string ModelConfigJson(const TrainOptions& options, int32_t vocab_size,
                            const std::vector<std::string>& labels);

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_TRAINED_MODEL_H_
