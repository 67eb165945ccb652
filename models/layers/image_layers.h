// Layers of image networks that more than one architecture uses. Maps are [B, C, H, W] where
// convolutions work on them, [B, H, W, C] or tokens [B, T, C] where the rest does.
#ifndef STRATA_MODELS_LAYERS_IMAGE_LAYERS_H_
#define STRATA_MODELS_LAYERS_IMAGE_LAYERS_H_

#include <ATen/ATen.h>

#include <string>

#include "absl/status/statusor.h"
#include "models/layers/batch_norm.h"
#include "models/layers/layers.h"
#include "models/layers/linear.h"
#include "models/layers/weight_binder.h"
#include "models/layers/window_order.h"

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

// Convolution and then norm as one convolution, exactly.
void FoldBatchNormBehind(const BatchNorm& norm, Convolution& convolution);
// Norm and then convolution as one, for a 1x1 convolution without padding or groups.
void FoldBatchNormBefore(const BatchNorm& norm, Convolution& convolution);

// LayerNorm over the channels of [B, C, H, W].
at::Tensor NormalizeChannels(const Norm& norm, double epsilon, const at::Tensor& map);

// [B, C, H, W] → [B, H, W, C], contiguous, and back: a view, which convolutions take as it is
// (channels last) and give back as such, so that going to and fro copies nothing.
at::Tensor ChannelsLast(const at::Tensor& map);
at::Tensor ChannelsFirst(const at::Tensor& map);

// Multiplies what a map gives by gamma [out], once and for all.
void FoldLayerScale(const at::Tensor& gamma, Linear& linear);

// Zeros at the right and the bottom of [B, H, W, C].
at::Tensor PadMap(const at::Tensor& map, int64_t height, int64_t width);

// Learned absolute positions [1, T, C] for a grid of patches: as they are where their number fits,
// else (and for an image that is no square, if `always_resize`) read as a square and resized as
// torch's bicubic interpolation does without antialiasing (a = -0.75), as transformers does with
// interpolate_pos_encoding. INVALID_ARGUMENT: T is no square number.
absl::StatusOr<at::Tensor> FitPositions(const at::Tensor& positions, Extent grid, Extent image,
                                        bool always_resize);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_IMAGE_LAYERS_H_
