#include "models/fastervit/faster_vit_weights.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/fastervit/position_network.h"

namespace strata::models {
namespace {

constexpr double kStemEpsilon = 1e-4;
constexpr int64_t kNetworkSize = 512;

// Parts of the checkpoint that do not outlive loading.
struct LayerParts {
  PositionNetwork positions, bias;
  at::Tensor scales[2];
};
struct BlockParts {
  LayerParts window, carriers;
};
struct ConvParts {
  BatchNorm first, second;
  at::Tensor scale;
};
struct LevelParts {
  std::vector<ConvParts> convolutions;
  std::vector<BlockParts> blocks;
};

int64_t RootOf(int64_t number) {
  return static_cast<int64_t>(std::sqrt(static_cast<double>(number) + 0.5));
}

// Follows from the configuration, is a cache of the last forward pass, or is a second name of one
// tensor.
bool IsDerived(const std::string& key) {
  return IsBatchCounterKey(key) || absl::EndsWith(key, ".relative_bias") ||
         absl::EndsWith(key, ".relative_coords_table") ||
         absl::EndsWith(key, ".relative_position_index") ||
         absl::StrContains(key, ".global_tokenizer.");
}

class Loader {
 public:
  Loader(const FasterVitConfig& config, const TensorMap& checkpoint, std::string prefix)
      : config_(config), binder_(checkpoint, prefix), prefix_(std::move(prefix)) {}

  absl::StatusOr<FasterVitWeights> Load(const std::string& where);

 private:
  void BindNorm(BatchNorm& norm, const std::string& key, int64_t channels) {
    AddBatchNorm(prefix_ + key, norm, channels, binder_.table());
  }
  void BindLevel(int32_t i, FasterVitLevel& level, LevelParts& parts);
  void BindNetwork(PositionNetwork& network, const std::string& key, int64_t out) {
    binder_.Linear(network.inner, key + ".cpb_mlp.0", kNetworkSize, 2);
    binder_.Linear(network.outer, key + ".cpb_mlp.2", out, kNetworkSize, /*has_bias=*/false);
  }
  // `hat`: in front of the names of its parts; "gamma" and two numbers are its scales.
  void BindLayer(const std::string& key, const std::string& hat, int first_scale, int64_t channels,
                 int64_t heads, bool has_positions, TransformerLayer& layer, LayerParts& parts);
  void FinishLevel(int32_t i, const LevelParts& parts, FasterVitLevel& level) const;
  void FinishLayer(const LayerParts& parts, int64_t side, int64_t length,
                   FasterVitLayer& layer) const;

  const FasterVitConfig& config_;
  WeightBinder binder_;
  const std::string prefix_;
};

absl::StatusOr<FasterVitWeights> Loader::Load(const std::string& where) {
  FasterVitWeights weights;
  BatchNorm stem_norms[2];
  const int64_t stem[3] = {config_.num_channels, config_.in_dim, config_.dim};
  for (int i = 0; i < 2; ++i) {
    BindConvolution(binder_, weights.stem[i], absl::StrCat("patch_embed.conv_down.", 3 * i),
                    stem[i + 1], stem[i], 3, false);
    stem_norms[i].epsilon = kStemEpsilon;
    BindNorm(stem_norms[i], absl::StrCat("patch_embed.conv_down.", 3 * i + 1), stem[i + 1]);
  }
  weights.levels.resize(config_.depths.size());
  std::vector<LevelParts> parts(config_.depths.size());
  for (int32_t i = 0; i < config_.num_levels(); ++i) {
    BindLevel(i, weights.levels[static_cast<size_t>(i)], parts[static_cast<size_t>(i)]);
  }
  const int64_t last = config_.channels(config_.num_levels() - 1);
  if (config_.layer_norm_last) {
    binder_.Norm(weights.norm, "norm", last);
  } else {
    BindNorm(weights.batch_norm, "norm", last);
  }
  if (binder_.Has("head.weight")) {
    binder_.Linear(weights.head, "head", binder_.SizeOf("head.weight", 0), last);
  }
  if (absl::Status status = binder_.Load(IsDerived, where); !status.ok()) return status;
  for (int i = 0; i < 2; ++i) FoldBatchNormBehind(stem_norms[i], weights.stem[i]);
  for (int32_t i = 0; i < config_.num_levels(); ++i) {
    FinishLevel(i, parts[static_cast<size_t>(i)], weights.levels[static_cast<size_t>(i)]);
  }
  return weights;
}

void Loader::BindLevel(int32_t i, FasterVitLevel& level, LevelParts& parts) {
  const auto at = static_cast<size_t>(i);
  const int64_t c = config_.channels(i);
  const auto depth = static_cast<size_t>(config_.depths[at]);
  const std::string key = absl::StrCat("levels.", i, ".");
  if (i < FasterVitConfig::kFirstAttention) {
    level.convolutions.resize(depth);
    parts.convolutions.resize(depth);
    for (size_t j = 0; j < depth; ++j) {
      const std::string block = absl::StrCat(key, "blocks.", j, ".");
      BindConvolution(binder_, level.convolutions[j].first, block + "conv1", c, c, 3, true);
      BindNorm(parts.convolutions[j].first, block + "norm1", c);
      BindConvolution(binder_, level.convolutions[j].second, block + "conv2", c, c, 3, true);
      BindNorm(parts.convolutions[j].second, block + "norm2", c);
      if (config_.has_conv_layer_scale) {
        binder_.Tensor(parts.convolutions[j].scale, block + "gamma", {c});
      }
    }
  } else {
    const bool carriers = config_.HasCarriers(i);
    const Extent windows = config_.Windows(i);
    const int64_t heads = config_.num_heads[at];
    if (carriers) {
      const std::string tokenizer = binder_.Named(
          {key + "global_tokenizer.pos_embed", key + "global_tokenizer.to_global_feature.pos"});
      BindConvolution(binder_, level.tokenizer, tokenizer, c, 1, 3, true);
    }
    level.blocks.resize(depth);
    parts.blocks.resize(depth);
    for (size_t j = 0; j < depth; ++j) {
      const std::string block = absl::StrCat(key, "blocks.", j, ".");
      BindLayer(block, "", 3, c, heads, true, level.blocks[j].window.layer, parts.blocks[j].window);
      if (!carriers) continue;
      // Carriers that stand in no square have no positions of their own.
      BindLayer(block, "hat_", 1, c, heads, windows.height == windows.width,
                level.blocks[j].carriers.layer, parts.blocks[j].carriers);
    }
  }
  if (i + 1 == config_.num_levels()) return;
  binder_.Norm(level.reduction_norm, key + "downsample.norm", c);
  BindConvolution(binder_, level.reduction, key + "downsample.reduction.0", 2 * c, c, 3, false);
}

void Loader::BindLayer(const std::string& key, const std::string& hat, int first_scale,
                       int64_t channels, int64_t heads, bool has_positions, TransformerLayer& layer,
                       LayerParts& parts) {
  const auto inner = static_cast<int64_t>(static_cast<double>(channels) * config_.mlp_ratio);
  const std::string part = key + hat;
  if (has_positions) BindNetwork(parts.positions, part + "pos_embed", channels);
  binder_.Norm(layer.attention_norm, part + "norm1", channels);
  binder_.Linear(layer.qkv, part + "attn.qkv", 3 * channels, channels, config_.qkv_bias);
  binder_.Linear(layer.attention_out, part + "attn.proj", channels, channels);
  BindNetwork(parts.bias, part + "attn.pos_emb_funct", heads);
  binder_.Norm(layer.feed_forward_norm, part + "norm2", channels);
  binder_.Linear(layer.feed_forward_in, part + "mlp.fc1", inner, channels);
  binder_.Linear(layer.feed_forward_out, part + "mlp.fc2", channels, inner);
  if (!config_.has_layer_scale) return;
  binder_.Tensor(parts.scales[0], absl::StrCat(key, "gamma", first_scale), {channels});
  binder_.Tensor(parts.scales[1], absl::StrCat(key, "gamma", first_scale + 1), {channels});
}

void Loader::FinishLevel(int32_t i, const LevelParts& parts, FasterVitLevel& level) const {
  for (size_t j = 0; j < level.convolutions.size(); ++j) {
    FasterVitConvBlock& block = level.convolutions[j];
    FoldBatchNormBehind(parts.convolutions[j].first, block.first);
    FoldBatchNormBehind(parts.convolutions[j].second, block.second);
    const at::Tensor& scale = parts.convolutions[j].scale;
    if (!scale.defined()) continue;
    block.second.weight = block.second.weight * scale.view({-1, 1, 1, 1});
    block.second.bias = block.second.bias * scale;
  }
  if (level.blocks.empty()) return;
  const bool carriers = config_.HasCarriers(i);
  const int64_t window = config_.windows[static_cast<size_t>(i)];
  const int64_t in_window = carriers ? int64_t{config_.ct_size} * config_.ct_size : 0;
  const int64_t in_image = config_.Carriers(i).area();
  for (size_t j = 0; j < level.blocks.size(); ++j) {
    FinishLayer(parts.blocks[j].window, window, in_window + window * window,
                level.blocks[j].window);
    if (!carriers) continue;
    FinishLayer(parts.blocks[j].carriers, RootOf(in_image), in_image, level.blocks[j].carriers);
    level.blocks[j].carrier_scale = parts.blocks[j].carriers.scales[0];
  }
}

void Loader::FinishLayer(const LayerParts& parts, int64_t side, int64_t length,
                         FasterVitLayer& layer) const {
  if (parts.positions.inner.weight.defined()) {
    layer.positions = PositionVectors(parts.positions, side);
  }
  layer.bias = PositionBias(parts.bias, side, length);
  if (!config_.has_layer_scale) return;
  FoldLayerScale(parts.scales[0], layer.layer.attention_out);
  FoldLayerScale(parts.scales[1], layer.layer.feed_forward_out);
}

}  // namespace

absl::StatusOr<FasterVitWeights> LoadFasterVitWeights(const FasterVitConfig& config,
                                                      const TensorMap& checkpoint,
                                                      const std::string& where) {
  const at::NoGradGuard no_grad;
  std::string prefix;
  for (const char* known : {"module.", "encoder.", "module.encoder."}) {
    if (checkpoint.contains(absl::StrCat(known, "patch_embed.conv_down.0.weight"))) prefix = known;
  }
  return Loader(config, checkpoint, prefix).Load(where);
}

}  // namespace strata::models
