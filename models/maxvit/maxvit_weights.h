// The weights of a MaxViT network under timm's names, made ready for a forward pass: batch norms
// and layer scales are folded into what they stand next to, and every kind of bias is a table.
#ifndef STRATA_MODELS_MAXVIT_MAXVIT_WEIGHTS_H_
#define STRATA_MODELS_MAXVIT_MAXVIT_WEIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/image_layers.h"
#include "models/maxvit/maxvit_config.h"

namespace strata::models {

// Inverted bottleneck with squeeze and excitation.
struct MaxVitConvolutions {
  Convolution shortcut;  // 1x1; undefined where the width stays
  Convolution expand;    // 1x1, with the norms around it
  Convolution spatial;   // 3x3, each channel by itself, with the norm behind it
  Convolution squeeze, excite;
  Convolution project;  // 1x1
  // Empty unless the network is being trained; then they are not in `expand` and `spatial`.
  BatchNorm norm_before, norm_expanded, norm_spatial;
};

struct MaxVitAttention {
  TransformerLayer layer;
  at::Tensor bias_table;  // [(2P-1)(2Q-1), heads], query minus key; undefined: none
};

struct MaxVitBlock {
  MaxVitConvolutions convolutions;
  MaxVitAttention local, distant;
};

struct MaxVitWeights {
  Convolution stem[2];  // with the norm between them
  BatchNorm stem_norm;  // empty unless the network is being trained
  std::vector<std::vector<MaxVitBlock>> stages;
  Norm norm;
  Linear hidden;  // of the head; undefined: none
  Linear head;    // undefined: none
};

// INVALID_ARGUMENT names the key. The classifier's size is the checkpoint's.
absl::StatusOr<MaxVitWeights> LoadMaxVitWeights(const MaxVitConfig& config,
                                                const TensorMap& checkpoint,
                                                const std::string& where);

// Freshly initialised for training, norms apart: matrices normal with the variance of 1 / their
// inputs (twice that where an activation follows), the classifier's normal(0, 0.02), norms 1, the
// rest 0. UNIMPLEMENTED: a configuration with layer scales, with heads that come first in q, k and
// v, or with another bias than a plain table.
absl::StatusOr<MaxVitWeights> InitialMaxVitWeights(const MaxVitConfig& config, int64_t num_classes);

// Of a network that is being trained, under timm's names. The weights must outlive the table.
std::vector<WeightEntry> MaxVitTrainingTable(const MaxVitConfig& config, int64_t num_classes,
                                             MaxVitWeights& weights);

}  // namespace strata::models

#endif  // STRATA_MODELS_MAXVIT_MAXVIT_WEIGHTS_H_
