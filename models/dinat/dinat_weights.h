// The weights of a NAT or DiNAT network, under the names of transformers and the authors' own
// files.
#ifndef STRATA_MODELS_DINAT_DINAT_WEIGHTS_H_
#define STRATA_MODELS_DINAT_DINAT_WEIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/dinat/dinat_config.h"
#include "models/layers/image_layers.h"

namespace strata::models {

struct DinatBlock {
  TransformerLayer layer;  // a layer scale is folded into what it scales
  at::Tensor bias;         // [heads, 2K-1, 2K-1]
};

struct DinatLevel {
  std::vector<DinatBlock> blocks;
  Convolution reduction;  // 3x3, to twice the channels; undefined in the last level
  Norm reduction_norm;
};

struct DinatWeights {
  Convolution patch[2];
  Norm patch_norm;
  std::vector<DinatLevel> levels;
  Norm norm;
  Linear head;  // undefined: none
};

// INVALID_ARGUMENT names the key. The classifier's size is the checkpoint's.
absl::StatusOr<DinatWeights> LoadDinatWeights(const DinatConfig& config,
                                              const TensorMap& checkpoint,
                                              const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_DINAT_DINAT_WEIGHTS_H_
