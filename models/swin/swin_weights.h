// The weights of a Swin network, under the names of transformers (old and new), timm and the
// authors' own files.
#ifndef STRATA_MODELS_SWIN_SWIN_WEIGHTS_H_
#define STRATA_MODELS_SWIN_SWIN_WEIGHTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/image_layers.h"
#include "models/swin/swin_config.h"

namespace strata::models {

struct SwinWeights {
  Convolution patch;        // [C, 3, p, p]
  Norm patch_norm;          // [C]
  at::Tensor positions;     // [1, N, C], or undefined
  at::Tensor hidden_patch;  // [1, 1, C], what stands for a hidden patch; or undefined
  std::vector<SwinStage> stages;
  Norm norm;    // of the last stage
  Linear head;  // undefined: none
};

// INVALID_ARGUMENT names the key. The classifier's size is the checkpoint's.
absl::StatusOr<SwinWeights> LoadSwinWeights(const SwinConfig& config, const TensorMap& checkpoint,
                                            const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_SWIN_SWIN_WEIGHTS_H_
