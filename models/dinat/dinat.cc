// NAT (arXiv 2204.07143) and DiNAT (arXiv 2209.15001), §3.
//
//   x = LN(conv_s2(conv_s2(image)))                     two 3x3 convolutions, nothing between them
//   block: x ← x + O · NeighborhoodAttention_d(LN(x));  x ← x + FF(LN(x))
//   between levels: x ← LN(conv_s2(x)), to twice the channels
//   logits = W · mean over tokens of LN(x)
//
// A map smaller than kernel · dilation is padded behind the norm, at the right and the bottom: its
// padding tokens are keys, whose k and v are the biases alone.
#include "models/dinat/dinat.h"

#include <algorithm>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/dinat/neighborhood_attention.h"
#include "models/layers/image_config.h"

namespace strata::models {
namespace {

constexpr double kFixedEpsilon = 1e-5;  // of the norms that layer_norm_eps does not reach
// Padded maps grow with the dilation, whatever the image; this is far above any published model's.
constexpr int64_t kMaxTokens = int64_t{1} << 22;

}  // namespace

absl::StatusOr<std::unique_ptr<const ImageEncoder>> Dinat::Load(const std::string& config_json,
                                                                const TensorMap& weights,
                                                                const std::string& folder) {
  return LoadImageModel<Dinat>(ParseDinatConfig, LoadDinatWeights, config_json, weights, folder);
}

Dinat::Dinat(DinatConfig config, DinatWeights weights)
    : config_(std::move(config)), weights_(std::move(weights)) {
  info_.hidden_size = static_cast<int32_t>(config_.channels(config_.num_levels() - 1));
  for (int32_t depth : config_.depths) info_.num_layers += depth;
  info_.num_classes = NumClasses(weights_.head);
  info_.labels = config_.labels;
  info_.num_channels = config_.num_channels;
  info_.architecture = config_.architecture;
}

absl::Status Dinat::CheckSize(int64_t height, int64_t width) const {
  if (height < 1 || width < 1) return absl::InvalidArgumentError("an image of no pixels");
  int64_t rows = (height + 3) / 4, columns = (width + 3) / 4;
  for (int32_t i = 0; i < config_.num_levels(); ++i) {
    for (int32_t dilation : config_.dilations[static_cast<size_t>(i)]) {
      const int64_t least = int64_t{config_.kernel_size} * dilation;
      if (std::max(rows, least) * std::max(columns, least) > kMaxTokens) {
        return absl::ResourceExhaustedError(
            absl::StrCat("an image of ", height, " x ", width, " pixels makes a map of more than ",
                         kMaxTokens, " tokens in level ", i, " (dilation ", dilation, ")"));
      }
    }
    rows = (rows + 1) / 2;
    columns = (columns + 1) / 2;
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageFeatures> Dinat::Forward(const at::Tensor& pixels,
                                             const ImageForwardOptions& options) const {
  if (absl::Status status = CheckSize(pixels.size(2), pixels.size(3)); !status.ok()) return status;
  if (options.hidden_patches.defined()) {
    return absl::UnimplementedError("this architecture cannot hide patches");
  }
  const auto norm = [](const Norm& weights, double epsilon, const at::Tensor& x) {
    return Normalize(weights, NormKind::kLayerNorm, epsilon, x);
  };
  ImageFeatures features;
  const auto keep = [&](const at::Tensor& x) {
    if (options.want_maps) features.maps.push_back(ChannelsFirst(x));
  };
  at::Tensor map = pixels.contiguous(at::MemoryFormat::ChannelsLast);
  for (const Convolution& convolution : weights_.patch) map = Apply(convolution, map, 2, 1);
  at::Tensor x = norm(weights_.patch_norm, kFixedEpsilon, ChannelsLast(map));
  keep(x);
  for (int32_t i = 0; i < config_.num_levels(); ++i) {
    if (!RunLevel(i, options, x)) return absl::CancelledError(absl::StrCat("stopped in level ", i));
    const DinatLevel& level = weights_.levels[static_cast<size_t>(i)];
    if (level.reduction.weight.defined()) {
      x = norm(level.reduction_norm, kFixedEpsilon,
               ChannelsLast(Apply(level.reduction, ChannelsFirst(x), 2, 1)));
    }
    keep(x);
  }
  features.last_hidden_state = norm(weights_.norm, config_.layer_norm_eps, x);
  features.pooled = features.last_hidden_state.mean(at::IntArrayRef{1, 2});
  if (info_.num_classes > 0) features.logits = Apply(weights_.head, features.pooled);
  return features;
}

bool Dinat::RunLevel(int32_t level, const ImageForwardOptions& options, at::Tensor& x) const {
  const auto at = static_cast<size_t>(level);
  const Extent map{x.size(1), x.size(2)};
  TransformerLayerSpec spec;
  spec.norm_place = NormPlace::kBefore;
  spec.epsilon = config_.layer_norm_eps;
  spec.activation = config_.activation;
  struct Cut {
    WindowOrder padding;  // the whole map as one window: what padding stands where
    NeighborhoodPlan plan;
  };
  std::map<int32_t, Cut> cuts;  // by dilation
  at::Tensor tokens = x.flatten(1, 2);
  for (size_t j = 0; j < weights_.levels[at].blocks.size(); ++j) {
    if (options.cancelled && options.cancelled()) return false;
    const DinatBlock& block = weights_.levels[at].blocks[j];
    const int32_t dilation = config_.dilations[at][j];
    const int64_t least = int64_t{config_.kernel_size} * dilation;
    const Extent padded{std::max(map.height, least), std::max(map.width, least)};
    auto [cut, is_new] = cuts.try_emplace(dilation);
    if (is_new) {
      cut->second.padding = LocalWindows(map, {.height = padded.height, .width = padded.width});
      cut->second.plan = MakeNeighborhoodPlan(padded, config_.kernel_size, dilation);
    }
    const bool pads = cut->second.padding.is_padded;
    at::Tensor qkv = ProjectQkv(spec, block.layer, tokens);
    if (pads) qkv = CutWindows(qkv, cut->second.padding, block.layer.qkv.bias);
    at::Tensor context =
        NeighborhoodAttention(qkv, config_.num_heads[at], block.bias, cut->second.plan);
    if (pads) context = JoinWindows(context, cut->second.padding);
    tokens = FinishLayer(spec, block.layer, tokens, context);
  }
  x = tokens.view({x.size(0), map.height, map.width, x.size(3)});
  return true;
}

}  // namespace strata::models
