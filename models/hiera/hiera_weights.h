// The weights of a Hiera network, under the names of transformers, timm and the authors' own files.
#ifndef STRATA_MODELS_HIERA_HIERA_WEIGHTS_H_
#define STRATA_MODELS_HIERA_HIERA_WEIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/hiera/hiera_config.h"
#include "models/layers/image_layers.h"

namespace strata::models {

struct HieraBlock {
  TransformerLayer layer;  // qkv [3·out, in]; a layer scale is folded into what it scales
  Linear widen;            // [out, in] where the block widens by a projection
};

struct HieraWeights {
  Convolution patch;          // [C, 3, 7, 7]
  at::Tensor positions;       // [1, N, C]; or of a coarse grid, [1, C, h, w]
  at::Tensor unit_positions;  // [1, C, u, v], repeated over the mask units; or undefined
  std::vector<HieraBlock> blocks;
  Norm norm;    // behind the pooling
  Linear head;  // undefined: none
};

// INVALID_ARGUMENT names the key. The classifier's size is the checkpoint's.
absl::StatusOr<HieraWeights> LoadHieraWeights(const HieraConfig& config,
                                              const TensorMap& checkpoint,
                                              const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_HIERA_HIERA_WEIGHTS_H_
