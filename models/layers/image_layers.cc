#include "models/layers/image_layers.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {

void BindConvolution(WeightBinder& binder, Convolution& convolution, const std::string& key,
                     int64_t out, int64_t in_of_group, int64_t kernel, bool has_bias) {
  binder.Tensor(convolution.weight, key + ".weight", {out, in_of_group, kernel, kernel});
  if (has_bias) binder.Tensor(convolution.bias, key + ".bias", {out});
}

void FoldBatchNormBehind(const BatchNorm& norm, Convolution& convolution) {
  const ChannelAffine affine = AffineOf(norm);
  convolution.weight = convolution.weight * affine.scale.view({-1, 1, 1, 1});
  convolution.bias =
      convolution.bias.defined() ? convolution.bias * affine.scale + affine.shift : affine.shift;
}

void FoldBatchNormBefore(const BatchNorm& norm, Convolution& convolution) {
  const ChannelAffine affine = AffineOf(norm);
  const at::Tensor shift = at::mv(convolution.weight.flatten(1), affine.shift);
  convolution.bias = convolution.bias.defined() ? convolution.bias + shift : shift;
  convolution.weight = convolution.weight * affine.scale.view({1, -1, 1, 1});
}

at::Tensor NormalizeChannels(const Norm& norm, double epsilon, const at::Tensor& map) {
  return ChannelsFirst(Normalize(norm, NormKind::kLayerNorm, epsilon, ChannelsLast(map)));
}

at::Tensor ChannelsLast(const at::Tensor& map) { return map.permute({0, 2, 3, 1}).contiguous(); }

at::Tensor ChannelsFirst(const at::Tensor& map) { return map.permute({0, 3, 1, 2}); }

void FoldLayerScale(const at::Tensor& gamma, Linear& linear) {
  linear.weight = linear.weight * gamma.unsqueeze(1);
  if (linear.bias.defined()) linear.bias = linear.bias * gamma;
}

at::Tensor PadMap(const at::Tensor& map, int64_t height, int64_t width) {
  if (map.size(1) == height && map.size(2) == width) return map;
  return at::constant_pad_nd(map, {0, 0, 0, width - map.size(2), 0, height - map.size(1)}, 0);
}

absl::StatusOr<at::Tensor> FitPositions(const at::Tensor& positions, Extent grid, Extent image,
                                        bool always_resize) {
  const int64_t stored = positions.size(1), channels = positions.size(2);
  if (stored == grid.area() && !(always_resize && image.height != image.width)) return positions;
  const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(stored))));
  if (side * side != stored) {
    return absl::InvalidArgumentError(
        absl::StrCat("this model has positions for ", stored, " patches, an image of ",
                     image.height, " x ", image.width, " pixels has ", grid.area(),
                     "; positions that are no square table are not resized"));
  }
  const at::Tensor map = positions.view({1, side, side, channels}).permute({0, 3, 1, 2});
  return at::upsample_bicubic2d(map, {grid.height, grid.width}, /*align_corners=*/false)
      .permute({0, 2, 3, 1})
      .reshape({1, grid.area(), channels});
}

}  // namespace strata::models
