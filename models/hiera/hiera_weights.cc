#include "models/hiera/hiera_weights.h"

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// Of masked pre-training.
bool IsIgnored(const std::string& key) {
  return absl::StartsWith(key, "decoder") || absl::StartsWith(key, "mask_token") ||
         absl::StartsWith(key, "multiscale_fusion") || absl::StartsWith(key, "hiera.multiscale");
}

}  // namespace

absl::StatusOr<HieraWeights> LoadHieraWeights(const HieraConfig& config,
                                              const TensorMap& checkpoint,
                                              const std::string& where) {
  const bool timm = config.is_timm();
  const bool prefixed = checkpoint.contains("hiera.embeddings.patch_embeddings.projection.weight");
  const std::string top = prefixed ? "hiera." : "";
  WeightBinder binder(checkpoint, "");
  HieraWeights weights;
  const int64_t c = config.embed_dim;
  const std::string patch =
      timm ? "patch_embed.proj" : top + "embeddings.patch_embeddings.projection";
  binder.Tensor(weights.patch.weight, patch + ".weight",
                {c, config.num_channels, config.patch_kernel.height, config.patch_kernel.width});
  binder.Tensor(weights.patch.bias, patch + ".bias", {c});
  const std::string positions =
      timm ? binder.Named({"pos_embed", "pos_embed_abs"}) : top + "embeddings.position_embeddings";
  if (config.window_positions) {
    binder.Tensor(weights.positions, positions,
                  {1, c, config.position_grid.height, config.position_grid.width});
    binder.Tensor(weights.unit_positions, "pos_embed_win",
                  {1, c, config.mask_unit.height, config.mask_unit.width});
  } else {
    binder.Tensor(weights.positions, positions, {1, config.Tokens(config.image).area(), c});
  }
  const std::vector<HieraBlockPlan> plans = config.Blocks();
  weights.blocks.resize(plans.size());
  std::vector<std::array<at::Tensor, 2>> scales(plans.size());
  for (size_t i = 0; i < plans.size(); ++i) {
    const HieraBlockPlan& plan = plans[i];
    const std::string key =
        timm ? absl::StrCat("blocks.", i, ".")
             : absl::StrCat(top, "encoder.stages.", plan.stage, ".layers.", plan.index, ".");
    TransformerLayer& layer = weights.blocks[i].layer;
    const int64_t in = plan.channels_in, out = plan.channels_out;
    const auto inner = static_cast<int64_t>(static_cast<double>(out) * config.mlp_ratio);
    binder.Norm(layer.attention_norm, key + (timm ? "norm1" : "layernorm_before"), in);
    binder.Linear(layer.qkv, key + "attn.qkv", 3 * out, in);
    binder.Linear(layer.attention_out, key + "attn.proj", out, out);
    binder.Norm(layer.feed_forward_norm, key + (timm ? "norm2" : "layernorm_after"), out);
    binder.Linear(layer.feed_forward_in, key + "mlp.fc1", inner, out);
    binder.Linear(layer.feed_forward_out, key + "mlp.fc2", out, inner);
    if (plan.widens() && config.use_expand_proj) {
      binder.Linear(weights.blocks[i].widen, key + "proj", out, in);
    }
    if (config.has_layer_scale) {
      binder.Tensor(scales[i][0], key + "ls1.gamma", {out});
      binder.Tensor(scales[i][1], key + "ls2.gamma", {out});
    }
  }
  const int64_t last = plans.back().channels_out;
  const std::string norm =
      timm ? binder.Named({"head.norm", "norm", "encoder_norm"}) : top + "pooler.layernorm";
  // Files of masked pre-training may end with the blocks.
  if (timm || binder.Has(norm + ".weight")) binder.Norm(weights.norm, norm, last);
  const std::string head = timm ? binder.Named({"head.fc", "head.projection"}) : "classifier";
  if (binder.Has(head + ".weight")) {
    binder.Linear(weights.head, head, binder.SizeOf(head + ".weight", 0), last);
  }
  if (absl::Status status = binder.Load(IsIgnored, where); !status.ok()) return status;
  for (size_t i = 0; config.has_layer_scale && i < plans.size(); ++i) {
    FoldLayerScale(scales[i][0], weights.blocks[i].layer.attention_out);
    FoldLayerScale(scales[i][1], weights.blocks[i].layer.feed_forward_out);
  }
  return weights;
}

}  // namespace strata::models
