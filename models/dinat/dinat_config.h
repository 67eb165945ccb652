// The configuration of a NAT or DiNAT checkpoint, as transformers writes it.
//
// Sources: transformers 4 (NatConfig, DinatConfig), arXiv 2204.07143, 2209.15001.
#ifndef STRATA_MODELS_DINAT_DINAT_CONFIG_H_
#define STRATA_MODELS_DINAT_DINAT_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/activation.h"

namespace strata::models {

struct DinatConfig {
  int32_t num_channels = 3;  // of the pixels
  int32_t embed_dim = 64;
  std::vector<int32_t> depths = {3, 4, 6, 5};
  std::vector<int32_t> num_heads = {2, 4, 8, 16};
  int32_t kernel_size = 7;
  std::vector<std::vector<int32_t>> dilations;  // of each block; NAT: all 1
  double mlp_ratio = 3;
  bool qkv_bias = true;
  Activation activation = Activation::kGelu;
  double layer_norm_eps = 1e-5;  // of blocks and the last norm; all others: 1e-5
  bool has_layer_scale = false;
  std::vector<std::string> labels;
  std::string architecture;

  int32_t num_levels() const { return static_cast<int32_t>(depths.size()); }
  int64_t channels(int32_t level) const { return int64_t{embed_dim} << level; }
};

// INVALID_ARGUMENT names the field; UNIMPLEMENTED names a setting that is not known. `where` stands
// in front of messages.
absl::StatusOr<DinatConfig> ParseDinatConfig(const std::string& json, const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_DINAT_DINAT_CONFIG_H_
