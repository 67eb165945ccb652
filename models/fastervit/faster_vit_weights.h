// The weights of a FasterViT network, made ready for a forward pass: batch norms and layer scales
// are folded into what they stand next to, and what small networks say about positions is computed.
#ifndef STRATA_MODELS_FASTERVIT_FASTER_VIT_WEIGHTS_H_
#define STRATA_MODELS_FASTERVIT_FASTER_VIT_WEIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/fastervit/faster_vit_config.h"
#include "models/layers/image_layers.h"

namespace strata::models {

struct FasterVitConvBlock {
  Convolution first, second;
};

// A transformer layer with its positions: of the tokens of a window, or of an image's carriers.
struct FasterVitLayer {
  TransformerLayer layer;
  at::Tensor positions;  // [1, N, C], added in front; undefined: none
  at::Tensor bias;       // [1, heads, S, S]
};

struct FasterVitBlock {
  FasterVitLayer window, carriers;  // the latter without a weight: this block has none
  at::Tensor carrier_scale;         // [C], gamma1; undefined: 1
};

struct FasterVitLevel {
  std::vector<FasterVitConvBlock> convolutions;
  std::vector<FasterVitBlock> blocks;
  Convolution tokenizer;  // depthwise, before carriers are pooled
  Norm reduction_norm;
  Convolution reduction;  // undefined in the last level
};

struct FasterVitWeights {
  Convolution stem[2];
  std::vector<FasterVitLevel> levels;
  BatchNorm batch_norm;  // of the last map, or
  Norm norm;             // with layer_norm_last
  Linear head;           // undefined: none
};

// INVALID_ARGUMENT names the key. The classifier's size is the checkpoint's. Keys may carry the
// prefix "module." or "encoder.".
absl::StatusOr<FasterVitWeights> LoadFasterVitWeights(const FasterVitConfig& config,
                                                      const TensorMap& checkpoint,
                                                      const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_FASTERVIT_FASTER_VIT_WEIGHTS_H_
