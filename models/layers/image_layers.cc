#include "models/layers/image_layers.h"

namespace strata::models {

void BindConvolution(WeightBinder& binder, Convolution& convolution, const std::string& key,
                     int64_t out, int64_t in_of_group, int64_t kernel, bool has_bias) {
  binder.Tensor(convolution.weight, key + ".weight", {out, in_of_group, kernel, kernel});
  if (has_bias) binder.Tensor(convolution.bias, key + ".bias", {out});
}

at::Tensor NormalizeChannels(const Norm& norm, double epsilon, const at::Tensor& map) {
  return ChannelsFirst(Normalize(norm, NormKind::kLayerNorm, epsilon, ChannelsLast(map)));
}

at::Tensor ChannelsLast(const at::Tensor& map) { return map.permute({0, 2, 3, 1}).contiguous(); }

at::Tensor ChannelsFirst(const at::Tensor& map) { return map.permute({0, 3, 1, 2}).contiguous(); }

at::Tensor PadMap(const at::Tensor& map, int64_t height, int64_t width) {
  if (map.size(1) == height && map.size(2) == width) return map;
  return at::constant_pad_nd(map, {0, 0, 0, width - map.size(2), 0, height - map.size(1)}, 0);
}

at::Tensor ResizePositions(const at::Tensor& positions, int64_t rows, int64_t columns,
                           int64_t new_rows, int64_t new_columns) {
  const int64_t channels = positions.size(2);
  const at::Tensor map = positions.view({1, rows, columns, channels}).permute({0, 3, 1, 2});
  return at::upsample_bicubic2d(map, {new_rows, new_columns}, /*align_corners=*/false)
      .permute({0, 2, 3, 1})
      .reshape({1, new_rows * new_columns, channels});
}

}  // namespace strata::models
