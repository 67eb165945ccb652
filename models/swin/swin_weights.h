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

// Freshly initialised for training: matrices normal with the variance of 1 / their inputs, the
// classifier's normal(0, 0.02), norms 1, the rest 0. Of transformers' flavour.
SwinWeights InitialSwinWeights(const SwinConfig& config, int64_t num_classes);

// Of transformers' flavour, under the names that it writes. The weights must outlive the table.
std::vector<WeightEntry> SwinWeightTable(const SwinConfig& config, SwinWeights& weights);

// INVALID_ARGUMENT names the key. The classifier's size is the checkpoint's.
absl::StatusOr<SwinWeights> LoadSwinWeights(const SwinConfig& config, const TensorMap& checkpoint,
                                            const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_SWIN_SWIN_WEIGHTS_H_
