// Layers of image networks that more than one architecture uses. Maps are [B, C, H, W] where
// convolutions work on them, [B, H, W, C] or tokens [B, T, C] where the rest does.
#ifndef STRATA_MODELS_LAYERS_IMAGE_LAYERS_H_
#define STRATA_MODELS_LAYERS_IMAGE_LAYERS_H_

#include <ATen/ATen.h>

#include <string>

#include "models/layers/layers.h"
#include "models/layers/linear.h"
#include "models/layers/weight_binder.h"

namespace strata::models {

// x [B, C, H, W] → weight [out, C / groups, k, k].
struct Convolution {
  at::Tensor weight;
  at::Tensor bias;  // [out], or undefined: none
};

// Square kernel; `padding` on all four sides.
inline at::Tensor Apply(const Convolution& convolution, const at::Tensor& x, int64_t stride,
                        int64_t padding, int64_t groups = 1) {
  return at::conv2d(x, convolution.weight, convolution.bias, stride, padding, 1, groups);
}

// key.weight and key.bias.
void BindConvolution(WeightBinder& binder, Convolution& convolution, const std::string& key,
                     int64_t out, int64_t in_of_group, int64_t kernel, bool has_bias);

// LayerNorm over the channels of [B, C, H, W].
at::Tensor NormalizeChannels(const Norm& norm, double epsilon, const at::Tensor& map);

// [B, C, H, W] → [B, H, W, C] and back, both contiguous.
at::Tensor ChannelsLast(const at::Tensor& map);
at::Tensor ChannelsFirst(const at::Tensor& map);

// Zeros at the right and the bottom of [B, H, W, C].
at::Tensor PadMap(const at::Tensor& map, int64_t height, int64_t width);

// Learned absolute positions of a map, [1, T, C] in raster order of rows x columns, resized as
// torch's bicubic interpolation does without antialiasing (a = -0.75).
at::Tensor ResizePositions(const at::Tensor& positions, int64_t rows, int64_t columns,
                           int64_t new_rows, int64_t new_columns);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_IMAGE_LAYERS_H_
