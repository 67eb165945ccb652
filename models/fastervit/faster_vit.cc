// FasterViT (arXiv 2306.06189), §3.
//
//   x = ReLU(BN(conv_s2(ReLU(BN(conv_s2(image))))))
//   convolution block: x ← x + BN(conv(GELU(BN(conv(x)))))
//   attention block, x the tokens of a window, c an image's carriers, c_W those of the window:
//     x ← x + P
//     c ← c + P';  c ← c + O'·Attention'(LN(c));  c ← c + FF'(LN(c))   all carriers of the image
//     z = [c_W; x];  z ← z + O·Attention(LN(z));  z ← z + FF(LN(z))    inside one window
//   between levels: x ← conv_s2(LN(x)), to twice the channels
//   logits = W · mean over the map of BN(x)
//
// P and P' are added in every block. Scores get 16·sigmoid of a small network's answer for the
// offset of the pair, 0 where one of them is a carrier.
//
// Quirks of the reference that are kept: propagation of carriers into the map reuses gamma1, the
// scale of their attention; with rows and columns of windows that differ, carriers are read back
// with the sides swapped, so that they change windows from block to block, and the first of them
// that do not fit a square have no bias.
#include "models/fastervit/faster_vit.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/image_config.h"
#include "models/layers/window_attention.h"

namespace strata::models {
namespace {

constexpr double kReductionEpsilon = 1e-6;  // also of a last LayerNorm

TransformerLayerSpec LayerSpec() {
  TransformerLayerSpec spec;
  spec.norm_place = NormPlace::kBefore;
  spec.epsilon = 1e-5;
  return spec;
}

// [B, rows·columns·k·k, C], window after window → carrier after carrier of the whole image, row by
// row.
at::Tensor ToRaster(const at::Tensor& carriers, Extent windows, int64_t k) {
  return carriers.view({carriers.size(0), windows.height, windows.width, k, k, -1})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape(carriers.sizes());
}

// And back, with rows and columns swapped.
at::Tensor ToWindows(const at::Tensor& carriers, Extent windows, int64_t k) {
  return carriers.view({carriers.size(0), windows.width, k, windows.height, k, -1})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape(carriers.sizes());
}

// The k x k carriers of each window spread over its side x side tokens.
at::Tensor Spread(const at::Tensor& carriers, int64_t k, int64_t side) {
  const at::Tensor square = carriers.view({carriers.size(0), k, k, -1}).permute({0, 3, 1, 2});
  return at::upsample_nearest2d(square, {side, side}).flatten(2).transpose(1, 2);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const ImageEncoder>> FasterVit::Load(const std::string& config_json,
                                                                    const TensorMap& weights,
                                                                    const std::string& folder) {
  return LoadImageModel<FasterVit>(ParseFasterVitConfig, LoadFasterVitWeights, config_json, weights,
                                   folder);
}

FasterVit::FasterVit(FasterVitConfig config, FasterVitWeights weights)
    : config_(std::move(config)), weights_(std::move(weights)) {
  info_.hidden_size = static_cast<int32_t>(config_.channels(config_.num_levels() - 1));
  for (int32_t depth : config_.depths) info_.num_layers += depth;
  info_.num_classes = NumClasses(weights_.head);
  info_.labels = config_.labels;
  info_.num_channels = config_.num_channels;
  info_.architecture = "FasterViT";
  info_.image_height = static_cast<int32_t>(config_.image.height);
  info_.image_width = static_cast<int32_t>(config_.image.width);
}

absl::Status FasterVit::CheckSize(int64_t height, int64_t width) const {
  if (Extent{height, width} == config_.image) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("this model takes images of ",
                                                 config_.image.height, " x ", config_.image.width,
                                                 " pixels, not ", height, " x ", width));
}

absl::StatusOr<ImageFeatures> FasterVit::Forward(const at::Tensor& pixels,
                                                 const ImageForwardOptions& options) const {
  if (absl::Status status = CheckSize(pixels.size(2), pixels.size(3)); !status.ok()) return status;
  if (options.hidden_patches.defined()) {
    return absl::UnimplementedError("this architecture cannot hide patches");
  }
  ImageFeatures features;
  at::Tensor map = pixels.contiguous(at::MemoryFormat::ChannelsLast);
  for (const Convolution& convolution : weights_.stem) {
    map = at::relu(Apply(convolution, map, 2, 1));
  }
  if (options.want_maps) features.maps.push_back(map);
  for (int32_t i = 0; i < config_.num_levels(); ++i) {
    if (options.cancelled && options.cancelled()) {
      return absl::CancelledError(absl::StrCat("stopped before level ", i));
    }
    const FasterVitLevel& level = weights_.levels[static_cast<size_t>(i)];
    for (const FasterVitConvBlock& block : level.convolutions) {
      map = map + Apply(block.second, at::gelu(Apply(block.first, map, 1, 1)), 1, 1);
    }
    if (!level.blocks.empty()) map = RunLevel(i, map);
    if (level.reduction.weight.defined()) {
      map = Apply(level.reduction, NormalizeChannels(level.reduction_norm, kReductionEpsilon, map),
                  2, 1);
    }
    if (options.want_maps) features.maps.push_back(map);
  }
  features.last_hidden_state = config_.layer_norm_last
                                   ? NormalizeChannels(weights_.norm, kReductionEpsilon, map)
                                   : NormalizeChannels(weights_.batch_norm, map);
  features.pooled = features.last_hidden_state.mean(at::IntArrayRef{2, 3});
  if (info_.num_classes > 0) features.logits = Apply(weights_.head, features.pooled);
  return features;
}

at::Tensor FasterVit::RunLevel(int32_t level, const at::Tensor& map) const {
  const auto at_level = static_cast<size_t>(level);
  const FasterVitLevel& weights = weights_.levels[at_level];
  const Extent grid{map.size(2), map.size(3)}, windows = config_.Windows(level);
  const int64_t side = config_.windows[at_level], k = config_.ct_size, images = map.size(0);
  const bool has_carriers = config_.HasCarriers(level);
  const WindowOrder order = LocalWindows(grid, {.height = side, .width = side});
  at::Tensor x = CutWindows(ChannelsLast(map).flatten(1, 2), order, {});  // [B·windows, side², C]
  at::Tensor carriers = has_carriers ? Carriers(level, map) : at::Tensor();
  for (size_t j = 0; j < weights.blocks.size(); ++j) {
    const FasterVitBlock& block = weights.blocks[j];
    x = x + block.window.positions;
    if (!has_carriers) {
      x = RunLayer(block.window, x);
      continue;
    }
    carriers = ToRaster(carriers, windows, k);
    if (block.carriers.positions.defined()) carriers = carriers + block.carriers.positions;
    carriers = ToWindows(RunLayer(block.carriers, carriers), windows, k);
    const at::Tensor both = RunLayer(
        block.window, at::cat({carriers.view({images * windows.area(), k * k, -1}), x}, 1));
    const at::Tensor in_window = both.narrow(1, 0, k * k);
    x = both.narrow(1, k * k, side * side);
    if (config_.do_propagation && j + 1 == weights.blocks.size()) {
      const at::Tensor spread = Spread(in_window.contiguous(), k, side);
      x = x + (block.carrier_scale.defined() ? spread * block.carrier_scale : spread);
    }
    carriers = in_window.reshape({images, windows.area() * k * k, -1});
  }
  return ChannelsFirst(JoinWindows(x, order).view({images, grid.height, grid.width, map.size(1)}));
}

at::Tensor FasterVit::Carriers(int32_t level, const at::Tensor& map) const {
  const FasterVitLevel& weights = weights_.levels[static_cast<size_t>(level)];
  const Extent windows = config_.Windows(level), carriers = config_.Carriers(level);
  const int64_t side = config_.windows[static_cast<size_t>(level)], k = config_.ct_size;
  const Extent padded{windows.height * side, windows.width * side};
  const at::Tensor whole = ChannelsFirst(PadMap(ChannelsLast(map), padded.height, padded.width));
  const at::Tensor mixed = Apply(weights.tokenizer, whole, 1, 1, map.size(1));
  // Strides that fit into the map, and kernels that reach its end.
  const Extent stride{padded.height / carriers.height, padded.width / carriers.width};
  const Extent kernel{padded.height - (carriers.height - 1) * stride.height,
                      padded.width - (carriers.width - 1) * stride.width};
  const at::Tensor pooled =
      at::avg_pool2d(mixed, {kernel.height, kernel.width}, {stride.height, stride.width});
  return ChannelsLast(pooled)
      .view({map.size(0), windows.height, k, windows.width, k, map.size(1)})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({map.size(0), carriers.area(), map.size(1)});
}

at::Tensor FasterVit::RunLayer(const FasterVitLayer& layer, const at::Tensor& x) const {
  const TransformerLayerSpec spec = LayerSpec();
  at::Tensor qkv = ProjectQkv(spec, layer.layer, x);
  if (config_.qk_scale != 0) {  // what attention divides by is taken back
    const double usual = 1 / std::sqrt(static_cast<double>(x.size(2) / layer.bias.size(1)));
    qkv = at::cat({qkv.narrow(2, 0, x.size(2)) * (config_.qk_scale / usual),
                   qkv.narrow(2, x.size(2), 2 * x.size(2))},
                  2);
  }
  return FinishLayer(spec, layer.layer, x, AttendInWindows(qkv, layer.bias.size(1), layer.bias));
}

}  // namespace strata::models
