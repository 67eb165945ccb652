// MaxViT (arXiv 2204.01697), §3.
//
//   x = conv(act(BN(conv_s2(image))))
//   block: x ← project(SE(act(BN(dw(act(BN(expand(BN(x)))))))) + shortcut(x)
//          x ← x + O · Attention_window(LN(x));  x ← x + FF(LN(x))
//          x ← x + O · Attention_grid(LN(x));    x ← x + FF(LN(x))
//   logits = W · mean(LN(x)), or W · tanh(V · LN(mean(x)))
//
// The first block of a stage halves the map, in the depthwise convolution and by the mean of 2x2 in
// the shortcut. TensorFlow's padding puts what is odd behind: the zeros enter behind the folded
// norms, where they are true zeros.
#include "models/maxvit/maxvit.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/image_config.h"
#include "models/layers/window_attention.h"

namespace strata::models {
namespace {

int64_t Half(int64_t size) { return (size + 1) / 2; }

// TensorFlow's "same": zeros on both sides, one more behind where their number is odd.
at::Tensor PadSame(const at::Tensor& map, int64_t kernel, int64_t stride, double value = 0) {
  std::vector<int64_t> padding;
  for (int64_t axis : {3, 2}) {
    const int64_t size = map.size(axis);
    const int64_t total =
        std::max<int64_t>(((size + stride - 1) / stride - 1) * stride + kernel - size, 0);
    padding.push_back(total / 2);
    padding.push_back(total - total / 2);
  }
  return at::constant_pad_nd(map, padding, value);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const ImageEncoder>> MaxVit::Load(const std::string& config_json,
                                                                 const TensorMap& weights,
                                                                 const std::string& folder) {
  return LoadImageModel<MaxVit>(ParseMaxVitConfig, LoadMaxVitWeights, config_json, weights, folder);
}

MaxVit::MaxVit(MaxVitConfig config, MaxVitWeights weights)
    : config_(std::move(config)), weights_(std::move(weights)) {
  info_.hidden_size =
      config_.head_hidden_size > 0 ? config_.head_hidden_size : config_.channels.back();
  for (int32_t depth : config_.depths) info_.num_layers += depth;
  info_.num_classes = NumClasses(weights_.head);
  info_.labels = config_.labels;
  info_.num_channels = config_.num_channels;
  info_.architecture = config_.architecture;
  info_.image_height = static_cast<int32_t>(config_.image.height);
  info_.image_width = static_cast<int32_t>(config_.image.width);
  info_.crop_pct = 0.95;
}

absl::Status MaxVit::CheckSize(int64_t height, int64_t width) const {
  Extent map{Half(height), Half(width)};
  for (int32_t i = 0; i < config_.num_stages(); ++i) {
    const Extent before = map;
    map = {Half(map.height), Half(map.width)};
    for (const Extent& part : {config_.window, config_.grid}) {
      if (map.height % part.height == 0 && map.width % part.width == 0) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "an image of ", height, " x ", width, " pixels has a map of ", SizeText(map),
          " in stage ", i, ", which windows and grids of ", SizeText(part), " do not divide"));
    }
    if (!config_.same_padding && (before.height % 2 != 0 || before.width % 2 != 0)) {
      return absl::InvalidArgumentError(absl::StrCat("an image of ", height, " x ", width,
                                                     " pixels has a map of ", SizeText(before),
                                                     ", which cannot be halved"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageFeatures> MaxVit::Forward(const at::Tensor& pixels,
                                              const ImageForwardOptions& options) const {
  if (absl::Status status = CheckSize(pixels.size(2), pixels.size(3)); !status.ok()) return status;
  if (options.hidden_patches.defined()) {
    return absl::UnimplementedError("this architecture cannot hide patches");
  }
  ImageFeatures features;
  const auto keep = [&](const at::Tensor& map) {
    if (options.want_maps) features.maps.push_back(map);
  };
  at::Tensor map = pixels.contiguous(at::MemoryFormat::ChannelsLast);
  map = config_.same_padding ? Apply(weights_.stem[0], PadSame(map, 3, 2), 2, 0)
                             : Apply(weights_.stem[0], map, 2, 1);
  map = Apply(weights_.stem[1],
              Activate(NormalizeTrained(weights_.stem_norm, map), config_.conv_activation), 1, 1);
  keep(map);
  for (size_t i = 0; i < weights_.stages.size(); ++i) {
    WindowOrder local, distant;
    for (size_t j = 0; j < weights_.stages[i].size(); ++j) {
      if (options.cancelled && options.cancelled()) {
        return absl::CancelledError(absl::StrCat("stopped in stage ", i));
      }
      const MaxVitBlock& block = weights_.stages[i][j];
      map = Convolve(block.convolutions, map, j == 0 ? 2 : 1);
      const int64_t height = map.size(2), width = map.size(3);
      if (j == 0) {
        local = LocalWindows({height, width},
                             {.height = config_.window.height, .width = config_.window.width});
        distant = DistantGroups({height, width}, config_.grid);
      }
      at::Tensor x = ChannelsLast(map).flatten(1, 2);
      x = Attend(block.local, config_.window, local, x);
      x = Attend(block.distant, config_.grid, distant, x);
      map = ChannelsFirst(x.view({x.size(0), height, width, x.size(2)}));
    }
    keep(map);
  }
  const auto norm = [&](const at::Tensor& x) {
    return Normalize(weights_.norm, NormKind::kLayerNorm, config_.norm_epsilon, x);
  };
  const at::Tensor last = ChannelsLast(map);
  if (config_.head_hidden_size > 0) {
    features.last_hidden_state = map;
    features.pooled = at::tanh(Apply(weights_.hidden, norm(last.mean(at::IntArrayRef{1, 2}))));
  } else {
    const at::Tensor normed = norm(last);
    features.last_hidden_state = ChannelsFirst(normed);
    features.pooled = normed.mean(at::IntArrayRef{1, 2});
  }
  if (info_.num_classes > 0) features.logits = Apply(weights_.head, features.pooled);
  return features;
}

at::Tensor MaxVit::Convolve(const MaxVitConvolutions& convolutions, const at::Tensor& map,
                            int64_t stride) const {
  at::Tensor shortcut = map;
  if (stride == 2) {
    shortcut = at::avg_pool2d(config_.same_padding ? PadSame(map, 2, 2) : map, 2, 2);
    if (convolutions.shortcut.weight.defined()) {
      shortcut = Apply(convolutions.shortcut, shortcut, 1, 0);
    }
  }
  at::Tensor x = Apply(convolutions.expand, NormalizeTrained(convolutions.norm_before, map), 1, 0);
  x = Activate(NormalizeTrained(convolutions.norm_expanded, x), config_.conv_activation);
  const int64_t groups = x.size(1);
  x = config_.same_padding && stride == 2
          ? Apply(convolutions.spatial, PadSame(x, 3, 2), 2, 0, groups)
          : Apply(convolutions.spatial, x, stride, 1, groups);
  x = Activate(NormalizeTrained(convolutions.norm_spatial, x), config_.conv_activation);
  const at::Tensor mean = x.mean(at::IntArrayRef{2, 3}, /*keepdim=*/true);
  const at::Tensor gate = at::sigmoid(
      Apply(convolutions.excite, at::silu(Apply(convolutions.squeeze, mean, 1, 0)), 1, 0));
  return Apply(convolutions.project, x * gate, 1, 0) + shortcut;
}

at::Tensor MaxVit::Attend(const MaxVitAttention& attention, Extent window, const WindowOrder& order,
                          const at::Tensor& x) const {
  TransformerLayerSpec spec;
  spec.norm_place = NormPlace::kBefore;
  spec.epsilon = config_.norm_epsilon;
  spec.activation = config_.activation;
  const at::Tensor qkv = CutWindows(ProjectQkv(spec, attention.layer, x), order, {});
  const at::Tensor bias = attention.bias_table.defined()
                              ? RelativeBias(attention.bias_table, window).unsqueeze(0)
                              : at::Tensor();
  const at::Tensor context =
      JoinWindows(AttendInWindows(qkv, x.size(2) / config_.head_size, bias), order);
  return FinishLayer(spec, attention.layer, x, context);
}

}  // namespace strata::models
