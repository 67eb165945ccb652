#include "models/dinat/dinat_weights.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// Names of the parts, in transformers and in the authors' files.
struct Names {
  std::string patch, patch_norm, levels, blocks, norm1, out, bias, norm2, inner, outer, norm, head;
  bool split_qkv;
};

Names NamesOf(const TensorMap& checkpoint) {
  if (checkpoint.contains("patch_embed.proj.0.weight")) {
    return {"patch_embed.proj",
            "patch_embed.norm",
            "levels.",
            "blocks.",
            "norm1",
            "attn.proj",
            "attn.rpb",
            "norm2",
            "mlp.fc1",
            "mlp.fc2",
            "norm",
            "head",
            /*split_qkv=*/false};
  }
  std::string top;
  for (const char* prefix : {"dinat.", "nat."}) {
    if (checkpoint.contains(absl::StrCat(prefix, "embeddings.norm.weight"))) top = prefix;
  }
  return {top + "embeddings.patch_embeddings.projection",
          top + "embeddings.norm",
          top + "encoder.levels.",
          "layers.",
          "layernorm_before",
          "attention.output.dense",
          "attention.self.rpb",
          "layernorm_after",
          "intermediate.dense",
          "output.dense",
          top + "layernorm",
          "classifier",
          /*split_qkv=*/true};
}

}  // namespace

absl::StatusOr<DinatWeights> LoadDinatWeights(const DinatConfig& config,
                                              const TensorMap& checkpoint,
                                              const std::string& where) {
  const Names names = NamesOf(checkpoint);
  WeightBinder binder(checkpoint, "");
  DinatWeights weights;
  const int64_t first = config.embed_dim;
  BindConvolution(binder, weights.patch[0], names.patch + ".0", first / 2, config.num_channels, 3,
                  true);
  BindConvolution(binder, weights.patch[1], names.patch + ".1", first, first / 2, 3, true);
  binder.Norm(weights.patch_norm, names.patch_norm, first);
  weights.levels.resize(config.depths.size());
  // Both scales of a block stand in one tensor [2, C] or, in the authors' files, in two.
  std::vector<std::vector<std::array<at::Tensor, 3>>> scales(config.depths.size());
  for (int32_t i = 0; i < config.num_levels(); ++i) {
    const auto at = static_cast<size_t>(i);
    DinatLevel& level = weights.levels[at];
    level.blocks.resize(static_cast<size_t>(config.depths[at]));
    scales[at].resize(level.blocks.size());
    const int64_t c = config.channels(i), offsets = 2 * config.kernel_size - 1;
    const auto inner = static_cast<int64_t>(static_cast<double>(c) * config.mlp_ratio);
    const std::string level_key = absl::StrCat(names.levels, i, ".");
    for (size_t j = 0; j < level.blocks.size(); ++j) {
      const std::string key = absl::StrCat(level_key, names.blocks, j, ".");
      TransformerLayer& layer = level.blocks[j].layer;
      binder.Norm(layer.attention_norm, key + names.norm1, c);
      if (names.split_qkv) {
        binder.Rows(layer.qkv,
                    {key + "attention.self.query", key + "attention.self.key",
                     key + "attention.self.value"},
                    c, c, config.qkv_bias);
      } else {
        binder.Linear(layer.qkv, key + "attn.qkv", 3 * c, c, config.qkv_bias);
      }
      binder.Tensor(level.blocks[j].bias, key + names.bias,
                    {config.num_heads[at], offsets, offsets});
      binder.Linear(layer.attention_out, key + names.out, c, c);
      binder.Norm(layer.feed_forward_norm, key + names.norm2, c);
      binder.Linear(layer.feed_forward_in, key + names.inner, inner, c);
      binder.Linear(layer.feed_forward_out, key + names.outer, c, inner);
      if (!config.has_layer_scale) continue;
      if (names.split_qkv) {
        binder.Tensor(scales[at][j][2], key + "layer_scale_parameters", {2, c});
      } else {
        binder.Tensor(scales[at][j][0], key + "gamma1", {c});
        binder.Tensor(scales[at][j][1], key + "gamma2", {c});
      }
    }
    if (i + 1 == config.num_levels()) break;
    BindConvolution(binder, level.reduction, level_key + "downsample.reduction", 2 * c, c, 3,
                    false);
    binder.Norm(level.reduction_norm, level_key + "downsample.norm", 2 * c);
  }
  const int64_t last = config.channels(config.num_levels() - 1);
  binder.Norm(weights.norm, names.norm, last);
  if (binder.Has(names.head + ".weight")) {
    binder.Linear(weights.head, names.head, binder.SizeOf(names.head + ".weight", 0), last);
  }
  if (absl::Status status = binder.Load(nullptr, where); !status.ok()) return status;
  for (size_t i = 0; config.has_layer_scale && i < scales.size(); ++i) {
    for (size_t j = 0; j < scales[i].size(); ++j) {
      TransformerLayer& layer = weights.levels[i].blocks[j].layer;
      const auto& [attention, feed_forward, both] = scales[i][j];
      FoldLayerScale(names.split_qkv ? both[0] : attention, layer.attention_out);
      FoldLayerScale(names.split_qkv ? both[1] : feed_forward, layer.feed_forward_out);
    }
  }
  return weights;
}

}  // namespace strata::models
