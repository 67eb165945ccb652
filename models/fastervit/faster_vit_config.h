// The configuration of a FasterViT network: the constructor arguments of the reference, which has
// no configuration file of its own, as a JSON object with model_type "faster_vit".
//
// Source: arXiv 2306.06189 and the public description of its models.
#ifndef STRATA_MODELS_FASTERVIT_FASTER_VIT_CONFIG_H_
#define STRATA_MODELS_FASTERVIT_FASTER_VIT_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/window_order.h"

namespace strata::models {

struct FasterVitConfig {
  Extent image{224, 224};    // "resolution": one number or [height, width]
  int32_t num_channels = 3;  // of the pixels: "in_chans"
  int32_t dim = 64;          // channels of the first level
  int32_t in_dim = 64;       // and between the two convolutions of the stem
  std::vector<int32_t> depths = {2, 3, 6, 5};
  std::vector<int32_t> num_heads = {2, 4, 8, 16};
  std::vector<int32_t> windows = {7, 7, 7, 7};
  std::vector<bool> hat = {true, true, true, true};  // carriers wanted, by level
  int32_t ct_size = 2;                               // carriers on one side of a window
  double mlp_ratio = 4;
  bool qkv_bias = true;
  double qk_scale = 0;  // 0: 1/sqrt(head size)
  bool has_layer_scale = false, has_conv_layer_scale = false;
  bool layer_norm_last = false;
  bool do_propagation = false;
  bool any_resolution = false;  // the reference's other class: maps are padded to whole windows
  std::vector<std::string> labels;

  static constexpr int32_t kFirstAttention = 2;  // levels before it are convolutions
  int32_t num_levels() const { return static_cast<int32_t>(depths.size()); }
  int64_t channels(int32_t level) const { return int64_t{dim} << level; }
  Extent Map(int32_t level) const;      // of the image
  Extent Windows(int32_t level) const;  // rows and columns of windows
  bool HasCarriers(int32_t level) const;
  Extent Carriers(int32_t level) const;  // rows and columns of them
};

// INVALID_ARGUMENT names the field; UNIMPLEMENTED names a setting that is not known. `where` stands
// in front of messages.
absl::StatusOr<FasterVitConfig> ParseFasterVitConfig(const std::string& json,
                                                     const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_FASTERVIT_FASTER_VIT_CONFIG_H_
