// The configuration of a Hiera checkpoint, as transformers or timm writes it.
//
// Sources: transformers 5 (HieraConfig), timm 1.0 (architecture, model_args), arXiv 2306.00989 §3.
#ifndef STRATA_MODELS_HIERA_HIERA_CONFIG_H_
#define STRATA_MODELS_HIERA_HIERA_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/activation.h"
#include "models/layers/window_order.h"

namespace strata::models {

enum class HieraFlavor : uint8_t { kTransformers, kTimm };

// One block, as it follows from the stages.
struct HieraBlockPlan {
  int32_t stage = 0, index = 0;  // of the block in its stage
  int64_t channels_in = 0, channels_out = 0;
  int32_t num_heads = 0;
  int64_t pooled = 1;     // tokens whose queries become one
  int64_t window = 0;     // tokens of a mask unit, after pooling
  bool is_local = false;  // attends inside mask units

  bool widens() const { return channels_in != channels_out; }
};

struct HieraConfig {
  HieraFlavor flavor = HieraFlavor::kTransformers;
  Extent image{224, 224};
  int32_t num_channels = 3;  // of the pixels
  Extent patch_kernel{7, 7}, patch_stride{4, 4}, patch_padding{3, 3};
  int32_t embed_dim = 96;
  std::vector<int32_t> depths = {2, 3, 16, 3};
  std::vector<int32_t> num_heads = {1, 2, 4, 8};  // of each stage
  double width_multiplier = 2;                    // of channels, from stage to stage
  int32_t num_query_pool = 3;                     // stages that begin with a pooling
  Extent query_stride{2, 2};
  Extent mask_unit{8, 8};
  std::vector<bool> mask_unit_attention = {true, true, false, false};
  double mlp_ratio = 4;
  double epsilon = 1e-6;
  Activation activation = Activation::kGelu;
  bool use_expand_proj = true;    // timm; false: widening by maximum and mean
  bool has_layer_scale = false;   // timm: init_values
  bool window_positions = false;  // timm: abs_win_pos_embed
  Extent position_grid{14, 14};   // timm: global_pos_size
  std::vector<std::string> labels;
  std::string architecture;

  bool is_timm() const { return flavor == HieraFlavor::kTimm; }
  int32_t num_stages() const { return static_cast<int32_t>(depths.size()); }
  Extent Tokens(Extent image_size) const {
    return {image_size.height / patch_stride.height, image_size.width / patch_stride.width};
  }
  std::vector<HieraBlockPlan> Blocks() const;
};

// INVALID_ARGUMENT names the field; UNIMPLEMENTED names a setting that is not known. `where` stands
// in front of messages.
absl::StatusOr<HieraConfig> ParseHieraConfig(const std::string& json, const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_HIERA_HIERA_CONFIG_H_
