// The configuration of a MaxViT checkpoint, as timm writes it.
//
// Sources: timm 1.0 (maxxvit: MaxxVitCfg, MaxxVitConvCfg, MaxxVitTransformerCfg and the names of
// its models), arXiv 2204.01697.
#ifndef STRATA_MODELS_MAXVIT_MAXVIT_CONFIG_H_
#define STRATA_MODELS_MAXVIT_MAXVIT_CONFIG_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/activation.h"
#include "models/layers/window_order.h"

namespace strata::models {

// How the bias of a pair follows from where its tokens stand.
enum class MaxVitBias : uint8_t {
  kTable,            // "bias": [(2P-1)(2Q-1), heads], query minus key
  kTensorFlowTable,  // "bias_tf": [heads, 2P-1, 2Q-1], key minus query
  kNetwork,          // "mlp": of the logarithm of the distance
  kNone,
};

struct MaxVitConfig {
  Extent image{224, 224};
  int32_t num_channels = 3;  // of the pixels
  std::vector<int32_t> channels = {64, 128, 256, 512};
  std::vector<int32_t> depths = {2, 2, 5, 2};
  std::array<int32_t, 2> stem = {64, 64};
  bool stem_bias = false;
  // 0: norm, mean, classifier; else mean, norm, hidden layer with tanh.
  int32_t head_hidden_size = 0;

  // Inverted bottleneck.
  double expand_ratio = 4;
  bool expand_output = true;    // the inner width is a multiple of the outer one, else of the inner
  double squeeze_ratio = 0.25;  // of the same
  bool output_bias = true;
  bool same_padding = false;  // TensorFlow's: an odd row of padding goes behind
  Activation conv_activation = Activation::kGelu;
  double batch_norm_epsilon = 1e-5;

  // Attention.
  int32_t head_size = 32;
  bool heads_first = true;  // q, k and v of each head stand together
  double mlp_ratio = 4;
  MaxVitBias bias = MaxVitBias::kTable;
  int32_t bias_hidden_size = 512;
  Extent window{7, 7}, grid{7, 7};
  bool has_layer_scale = false;
  bool attention_bias = true;
  Activation activation = Activation::kGelu;
  double norm_epsilon = 1e-6;

  std::vector<std::string> labels;
  std::string architecture;

  int32_t num_stages() const { return static_cast<int32_t>(depths.size()); }
  // Of the block that begins or goes on with stage `stage`.
  int64_t ChannelsIn(int32_t stage, int32_t block) const;
  int64_t InnerWidth(int32_t stage, int32_t block) const;
  int64_t SqueezedWidth(int32_t stage, int32_t block) const;
};

// INVALID_ARGUMENT names the field; UNIMPLEMENTED names a setting that is not known. `where` stands
// in front of messages.
absl::StatusOr<MaxVitConfig> ParseMaxVitConfig(const std::string& json, const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_MAXVIT_MAXVIT_CONFIG_H_
