// The weights of HTS-AT and the table that ties them to the checkpoint's names.
#ifndef STRATA_MODELS_HTSAT_HTSAT_WEIGHTS_H_
#define STRATA_MODELS_HTSAT_HTSAT_WEIGHTS_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "models/htsat/htsat_config.h"
#include "models/layers/linear.h"
#include "models/layers/spectrogram_image.h"
#include "models/layers/swin_trunk.h"
#include "models/layers/weight_table.h"

namespace strata::models {

// C0 = htsat_dim, C = hidden_size, K = classes_num. All float32.
struct HtsatWeights {
  BatchNorm bn0;                        // [mel_bins]
  at::Tensor patch_weight, patch_bias;  // [C0, 1, patch, patch], [C0]
  Norm patch_norm;                      // [C0]
  at::Tensor absolute_pos_embed;        // [1, patches, C0]; only with "ape"
  std::vector<SwinStage> stages;
  Norm norm;                            // [C]
  at::Tensor tscam_weight, tscam_bias;  // [K, C, last rows / ratio, 3], [K]; with enable_tscam
  Linear head;                          // [K, C]; without
};

// Freshly initialised: normal(0, 0.02) matrices, norms 1, biases 0.
HtsatWeights InitialHtsatWeights(const HtsatConfig& config);

// `prefix`: "", or "sed_model." in files that Lightning wrote. The tensors must outlive the table
// and need not be allocated; the stages must be there.
std::vector<WeightEntry> HtsatWeightTable(const HtsatConfig& config, const std::string& prefix,
                                          HtsatWeights& weights);

// Keys that follow from the configuration (front end, masks, indices) or that the forward pass does
// not read (`head` beside the token-semantic head). `key` without prefix.
bool IsIgnoredHtsatKey(const HtsatConfig& config, const std::string& key);

}  // namespace strata::models

#endif  // STRATA_MODELS_HTSAT_HTSAT_WEIGHTS_H_
