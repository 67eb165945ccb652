// Hiera (arXiv 2306.00989), §3.
//
//   x = conv(image) + positions, tokens in the order of the pooling (see Unrolled)
//   n = LN1(x);  if the block widens: x = max over 4 children of (W n)
//   x ← x + O · Attention(q, k, v of n);  x ← x + FF(LN2(x))
//   logits = W · LN(mean over tokens of x)
//
// In a pooling block the queries are the elementwise maximum of 4 children's, while keys and values
// stay the children's own.
//
// The order of tokens: children of one pooled token stand N/4 apart, so that pooling is a maximum
// over the leading axis of [4, N/4, C]; tokens of one mask unit stand [units] apart. Attention
// inside mask units without pooling is the block-sparse kernel's: a unit is a family.
#include "models/hiera/hiera.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/torch/block_sparse_attention_op.h"
#include "models/layers/image_config.h"

namespace strata::models {
namespace {

// The place of the token at (row, column) when `levels` poolings are still to come.
int64_t PlaceOf(int64_t row, int64_t column, Extent grid, Extent stride, int32_t levels) {
  if (levels == 0) return row * grid.width + column;
  const Extent coarse{grid.height / stride.height, grid.width / stride.width};
  const int64_t child = row % stride.height * stride.width + column % stride.width;
  return child * coarse.area() +
         PlaceOf(row / stride.height, column / stride.width, coarse, stride, levels - 1);
}

// [H·W] the place of each token, row by row.
at::Tensor Places(Extent grid, Extent stride, int32_t levels) {
  at::Tensor places = at::empty({grid.area()}, at::kLong);
  auto* out = places.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < grid.height; ++row) {
    for (int64_t column = 0; column < grid.width; ++column) {
      *out++ = PlaceOf(row, column, grid, stride, levels);
    }
  }
  return places;
}

// Tokens row by row in the order of the pooling.
at::Tensor Unrolled(const at::Tensor& x, Extent grid, Extent stride, int32_t levels) {
  const at::Tensor places = Places(grid, stride, levels);
  at::Tensor tokens = at::empty_like(places);
  tokens.scatter_(0, places, at::arange(grid.area(), at::kLong));
  return x.index_select(1, tokens);
}

// Every token attends to those whose place is the same modulo `units`, in each of `images` rows of
// `tokens`.
absl::StatusOr<std::shared_ptr<const kernels::StructurePlan>> UnitPlan(int64_t images,
                                                                       int64_t tokens,
                                                                       int64_t units) {
  std::vector<int32_t> parents, cu_seqlens = {0};
  for (int64_t b = 0; b < images; ++b) {
    for (int64_t n = 0; n < tokens; ++n) {
      parents.push_back(static_cast<int32_t>(n < units ? -1 : b * tokens + n % units));
    }
    cu_seqlens.push_back(static_cast<int32_t>(parents.size()));
  }
  return kernels::StructurePlan::Build({parents, cu_seqlens});
}

}  // namespace

absl::StatusOr<std::unique_ptr<const ImageEncoder>> Hiera::Load(const std::string& config_json,
                                                                const TensorMap& weights,
                                                                const std::string& folder) {
  return LoadImageModel<Hiera>(ParseHieraConfig, LoadHieraWeights, config_json, weights, folder);
}

Hiera::Hiera(HieraConfig config, HieraWeights weights)
    : config_(std::move(config)), weights_(std::move(weights)), plans_(config_.Blocks()) {
  info_.hidden_size = static_cast<int32_t>(plans_.back().channels_out);
  info_.num_layers = static_cast<int32_t>(plans_.size());
  info_.num_classes = NumClasses(weights_.head);
  info_.labels = config_.labels;
  info_.num_channels = config_.num_channels;
  info_.architecture = config_.architecture;
  info_.image_height = static_cast<int32_t>(config_.image.height);
  info_.image_width = static_cast<int32_t>(config_.image.width);
  info_.crop_pct = 0.9;
}

absl::Status Hiera::CheckSize(int64_t height, int64_t width) const {
  const Extent image{height, width}, grid = config_.Tokens(image), unit = config_.mask_unit;
  if (config_.is_timm() && !(image == config_.image)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "this model takes images of ", SizeText(config_.image), " pixels, not ", SizeText(image)));
  }
  if (grid.height == 0 || grid.width == 0 || height % config_.patch_stride.height != 0 ||
      width % config_.patch_stride.width != 0 || grid.height % unit.height != 0 ||
      grid.width % unit.width != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("an image of ", SizeText(image), " pixels is not made of whole mask units of ",
                     unit.height * config_.patch_stride.height, " x ",
                     unit.width * config_.patch_stride.width, " pixels"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageFeatures> Hiera::Forward(const at::Tensor& pixels,
                                             const ImageForwardOptions& options) const {
  if (absl::Status status = CheckSize(pixels.size(2), pixels.size(3)); !status.ok()) return status;
  auto patches = Embed(pixels, options);
  if (!patches.ok()) return patches.status();
  Extent grid = config_.Tokens({pixels.size(2), pixels.size(3)});
  int32_t levels = config_.num_stages() - 1;
  const bool hides = options.hidden_patches.defined();
  ImageFeatures features;
  const auto keep = [&](const at::Tensor& x, const at::Tensor& places) {
    if (!options.want_maps || hides) return;
    const at::Tensor rows = places.defined() ? x.index_select(1, places) : x;
    const at::Tensor map = rows.view({x.size(0), grid.height, grid.width, x.size(2)});
    features.maps.push_back(config_.is_timm() ? ChannelsFirst(map) : map);
  };
  if (!config_.is_timm()) keep(*patches, {});
  at::Tensor x = Unrolled(*patches, grid, config_.query_stride, levels);
  if (hides) {
    const at::Tensor kept = options.hidden_patches.logical_not();
    const at::Tensor counts = kept.sum(1);
    if (kept.size(1) * config_.mask_unit.area() != grid.area() ||
        counts.min().item<int64_t>() != counts.max().item<int64_t>() ||
        counts.min().item<int64_t>() == 0) {
      return absl::InvalidArgumentError(
          "hidden mask units must be [images, units], as many in each image and not all");
    }
    x = x.index({kept.repeat({1, config_.mask_unit.area()})}).view({x.size(0), -1, x.size(2)});
  }
  UnitStructure structure;
  for (size_t i = 0; i < plans_.size(); ++i) {
    if (options.cancelled && options.cancelled()) {
      return absl::CancelledError(absl::StrCat("stopped before block ", i));
    }
    if (plans_[i].pooled > 1) {
      grid = {grid.height / config_.query_stride.height, grid.width / config_.query_stride.width};
      --levels;
    }
    auto next = RunBlock(plans_[i], weights_.blocks[i], x, structure);
    if (!next.ok()) return next.status();
    x = *std::move(next);
    const bool ends_stage = i + 1 == plans_.size() || plans_[i + 1].stage != plans_[i].stage;
    if (ends_stage && options.want_maps) keep(x, Places(grid, config_.query_stride, levels));
  }
  features.last_hidden_state = x;
  features.pooled = x.mean(1);
  if (weights_.norm.weight.defined()) {
    features.pooled =
        Normalize(weights_.norm, NormKind::kLayerNorm, config_.epsilon, features.pooled);
  }
  if (info_.num_classes > 0) features.logits = Apply(weights_.head, features.pooled);
  return features;
}

absl::StatusOr<at::Tensor> Hiera::Embed(const at::Tensor& pixels,
                                        const ImageForwardOptions& options) const {
  const Extent image{pixels.size(2), pixels.size(3)}, grid = config_.Tokens(image);
  at::Tensor shown = pixels;
  if (options.hidden_patches.defined()) {  // hidden units must not leak through the overlap
    const at::Tensor kept = options.hidden_patches.logical_not()
                                .to(at::kFloat)
                                .view({pixels.size(0), 1, grid.height / config_.mask_unit.height,
                                       grid.width / config_.mask_unit.width});
    shown = pixels * at::upsample_nearest2d(kept, {image.height, image.width});
  }
  const at::Tensor x = at::conv2d(shown, weights_.patch.weight, weights_.patch.bias,
                                  {config_.patch_stride.height, config_.patch_stride.width},
                                  {config_.patch_padding.height, config_.patch_padding.width});
  if (x.size(2) != grid.height || x.size(3) != grid.width) {
    return absl::InvalidArgumentError(absl::StrCat(
        "an image of ", SizeText(image), " pixels gives ", x.size(2), " x ", x.size(3),
        " patches, ", SizeText(grid), " were expected; do patch size, stride and padding fit?"));
  }
  const at::Tensor tokens = x.flatten(2).transpose(1, 2);
  if (weights_.unit_positions.defined()) {
    const at::Tensor units = weights_.unit_positions.tile(
        {1, 1, grid.height / config_.mask_unit.height, grid.width / config_.mask_unit.width});
    const at::Tensor coarse = at::_upsample_bicubic2d_aa(
        weights_.positions, {grid.height, grid.width}, /*align_corners=*/false);
    return tokens + (coarse + units).flatten(2).transpose(1, 2);
  }
  auto positions = FitPositions(weights_.positions, grid, image, options.always_resize_positions);
  if (!positions.ok()) return positions.status();
  return tokens + *positions;
}

absl::StatusOr<at::Tensor> Hiera::RunBlock(const HieraBlockPlan& plan, const HieraBlock& block,
                                           const at::Tensor& x, UnitStructure& structure) const {
  TransformerLayerSpec spec;
  spec.norm_place = NormPlace::kBefore;
  spec.epsilon = config_.epsilon;
  spec.activation = config_.activation;
  const int64_t images = x.size(0), tokens = x.size(1), heads = plan.num_heads;
  const int64_t size = plan.channels_out / heads;
  const at::Tensor normed =
      Normalize(block.layer.attention_norm, NormKind::kLayerNorm, spec.epsilon, x);
  at::Tensor shortcut = x;
  if (plan.widens()) {
    const at::Tensor wide = config_.use_expand_proj ? Apply(block.widen, normed) : x;
    const at::Tensor groups = wide.reshape({images, plan.pooled, -1, wide.size(2)});
    shortcut = groups.amax(1);
    if (!config_.use_expand_proj) shortcut = at::cat({shortcut, groups.mean(1)}, -1);
  }
  const int64_t per_unit = plan.is_local ? plan.pooled * plan.window : tokens;
  const int64_t units = tokens / per_unit;
  const at::Tensor qkv = Apply(block.layer.qkv, normed);
  at::Tensor context;
  if (plan.pooled == 1) {
    if (structure.tokens != tokens || structure.units != units) {
      auto built = UnitPlan(images, tokens, units);
      if (!built.ok()) return built.status();
      structure = {tokens, units, *std::move(built)};
    }
    const at::Tensor parts = qkv.view({images * tokens, 3, heads, size});
    context =
        kernels::BlockSparseAttention(parts.select(1, 0), parts.select(1, 1), parts.select(1, 2),
                                      structure.plan, 1 / std::sqrt(static_cast<double>(size)))
            .view({images, tokens, plan.channels_out});
  } else {
    const at::Tensor parts = qkv.view({images, per_unit, units, 3, heads, size});
    const auto by_unit = [&](const at::Tensor& part) {  // [B, t, units, heads, D]
      return part.permute({0, 2, 3, 1, 4}).reshape({images * units, heads, part.size(1), size});
    };
    const at::Tensor q =
        parts.select(3, 0)
            .reshape({images, plan.pooled, per_unit / plan.pooled, units, heads, size})
            .amax(1);
    context = at::scaled_dot_product_attention(by_unit(q), by_unit(parts.select(3, 1)),
                                               by_unit(parts.select(3, 2)))
                  .view({images, units, heads, per_unit / plan.pooled, size})
                  .permute({0, 3, 1, 2, 4})
                  .reshape({images, tokens / plan.pooled, plan.channels_out});
  }
  return FinishLayer(spec, block.layer, shortcut, context);
}

}  // namespace strata::models
