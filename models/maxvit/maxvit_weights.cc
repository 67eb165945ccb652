#include "models/maxvit/maxvit_weights.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// Parts of the checkpoint that do not outlive loading, in the order in which they were bound.
struct AttentionParts {
  at::Tensor table;     // as TensorFlow has it
  Linear inner, outer;  // of the network that gives the bias
  at::Tensor scales[2];
};
struct BlockParts {
  AttentionParts local, distant;
};

class Loader {
 public:
  Loader(const MaxVitConfig& config, const TensorMap& checkpoint)
      : config_(config), binder_(checkpoint, "") {}

  absl::StatusOr<MaxVitWeights> Load(const std::string& where);
  // Under the names that the checkpoint has; num_classes 0: no classifier.
  void Bind(int64_t num_classes, MaxVitWeights& weights,
            std::vector<std::vector<BlockParts>>& parts);
  std::vector<WeightEntry>& table() { return binder_.table(); }

 private:
  void BindNorm(BatchNorm& norm, const std::string& key, int64_t channels) {
    norm.epsilon = config_.batch_norm_epsilon;
    AddBatchNorm(key, norm, channels, binder_.table());
  }
  void BindConvolutions(const std::string& key, int32_t stage, int32_t block,
                        MaxVitConvolutions& convolutions);
  void BindAttention(const std::string& key, int64_t channels, Extent window,
                     MaxVitAttention& attention, AttentionParts& parts);
  static void FoldNorms(MaxVitConvolutions& convolutions);
  void FinishAttention(const AttentionParts& parts, Extent window,
                       MaxVitAttention& attention) const;

  const MaxVitConfig& config_;
  WeightBinder binder_;
};

void Loader::Bind(int64_t num_classes, MaxVitWeights& weights,
                  std::vector<std::vector<BlockParts>>& parts) {
  BindConvolution(binder_, weights.stem[0], "stem.conv1", config_.stem[0], config_.num_channels, 3,
                  config_.stem_bias);
  BindNorm(weights.stem_norm, "stem.norm1", config_.stem[0]);
  BindConvolution(binder_, weights.stem[1], "stem.conv2", config_.stem[1], config_.stem[0], 3,
                  config_.stem_bias);
  weights.stages.resize(config_.depths.size());
  parts.resize(config_.depths.size());
  for (int32_t i = 0; i < config_.num_stages(); ++i) {
    const auto stage = static_cast<size_t>(i);
    weights.stages[stage].resize(static_cast<size_t>(config_.depths[stage]));
    parts[stage].resize(weights.stages[stage].size());
    for (int32_t j = 0; j < config_.depths[stage]; ++j) {
      const std::string key = absl::StrCat("stages.", i, ".blocks.", j, ".");
      MaxVitBlock& block = weights.stages[stage][static_cast<size_t>(j)];
      BlockParts& own = parts[stage][static_cast<size_t>(j)];
      BindConvolutions(key + "conv.", i, j, block.convolutions);
      BindAttention(key + "attn_block.", config_.channels[stage], config_.window, block.local,
                    own.local);
      BindAttention(key + "attn_grid.", config_.channels[stage], config_.grid, block.distant,
                    own.distant);
    }
  }
  int64_t last = config_.channels.back();
  binder_.Norm(weights.norm, config_.head_hidden_size > 0 ? "head.norm" : "norm", last);
  if (config_.head_hidden_size > 0) {
    binder_.Linear(weights.hidden, "head.pre_logits.fc", config_.head_hidden_size, last);
    last = config_.head_hidden_size;
  }
  if (num_classes > 0) binder_.Linear(weights.head, "head.fc", num_classes, last);
}

absl::StatusOr<MaxVitWeights> Loader::Load(const std::string& where) {
  MaxVitWeights weights;
  std::vector<std::vector<BlockParts>> parts;
  Bind(binder_.SizeOf("head.fc.weight", 0), weights, parts);
  if (absl::Status status = binder_.Load(IsBatchCounterKey, where); !status.ok()) return status;
  FoldBatchNormBehind(weights.stem_norm, weights.stem[0]);
  weights.stem_norm = {};
  for (size_t i = 0; i < parts.size(); ++i) {
    for (size_t j = 0; j < parts[i].size(); ++j) {
      FoldNorms(weights.stages[i][j].convolutions);
      FinishAttention(parts[i][j].local, config_.window, weights.stages[i][j].local);
      FinishAttention(parts[i][j].distant, config_.grid, weights.stages[i][j].distant);
    }
  }
  return weights;
}

void Loader::BindConvolutions(const std::string& key, int32_t stage, int32_t block,
                              MaxVitConvolutions& convolutions) {
  const int64_t in = config_.ChannelsIn(stage, block);
  const int64_t out = config_.channels[static_cast<size_t>(stage)];
  const int64_t inner = config_.InnerWidth(stage, block);
  const int64_t squeezed = config_.SqueezedWidth(stage, block);
  if (block == 0 && in != out) {
    BindConvolution(binder_, convolutions.shortcut, key + "shortcut.expand", out, in, 1,
                    config_.output_bias);
  }
  BindNorm(convolutions.norm_before, key + "pre_norm", in);
  BindConvolution(binder_, convolutions.expand, key + "conv1_1x1", inner, in, 1, false);
  BindNorm(convolutions.norm_expanded, key + "norm1", inner);
  BindConvolution(binder_, convolutions.spatial, key + "conv2_kxk", inner, 1, 3, false);
  BindNorm(convolutions.norm_spatial, key + "norm2", inner);
  BindConvolution(binder_, convolutions.squeeze, key + "se.fc1", squeezed, inner, 1, true);
  BindConvolution(binder_, convolutions.excite, key + "se.fc2", inner, squeezed, 1, true);
  BindConvolution(binder_, convolutions.project, key + "conv3_1x1", out, inner, 1,
                  config_.output_bias);
}

void Loader::BindAttention(const std::string& key, int64_t channels, Extent window,
                           MaxVitAttention& attention, AttentionParts& parts) {
  TransformerLayer& layer = attention.layer;
  const auto inner = static_cast<int64_t>(static_cast<double>(channels) * config_.mlp_ratio);
  const int64_t heads = channels / config_.head_size;
  binder_.Norm(layer.attention_norm, key + "norm1", channels);
  binder_.Linear(layer.qkv, key + "attn.qkv", 3 * channels, channels, config_.attention_bias);
  binder_.Linear(layer.attention_out, key + "attn.proj", channels, channels,
                 config_.attention_bias);
  binder_.Norm(layer.feed_forward_norm, key + "norm2", channels);
  binder_.Linear(layer.feed_forward_in, key + "mlp.fc1", inner, channels);
  binder_.Linear(layer.feed_forward_out, key + "mlp.fc2", channels, inner);
  if (config_.has_layer_scale) {
    binder_.Tensor(parts.scales[0], key + "ls1.gamma", {channels});
    binder_.Tensor(parts.scales[1], key + "ls2.gamma", {channels});
  }
  const Extent offsets{2 * window.height - 1, 2 * window.width - 1};
  const std::string table = key + "attn.rel_pos.relative_position_bias_table";
  switch (config_.bias) {
    case MaxVitBias::kTable:
      binder_.Tensor(attention.bias_table, table, {offsets.area(), heads});
      break;
    case MaxVitBias::kTensorFlowTable:
      binder_.Tensor(parts.table, table, {heads, offsets.height, offsets.width});
      break;
    case MaxVitBias::kNetwork:
      binder_.Linear(parts.inner, key + "attn.rel_pos.mlp.fc1", config_.bias_hidden_size, 2);
      binder_.Linear(parts.outer, key + "attn.rel_pos.mlp.fc2", heads, config_.bias_hidden_size);
      break;
    case MaxVitBias::kNone:
      break;
  }
}

void Loader::FoldNorms(MaxVitConvolutions& convolutions) {
  FoldBatchNormBefore(convolutions.norm_before, convolutions.expand);
  FoldBatchNormBehind(convolutions.norm_expanded, convolutions.expand);
  FoldBatchNormBehind(convolutions.norm_spatial, convolutions.spatial);
  convolutions.norm_before = convolutions.norm_expanded = convolutions.norm_spatial = {};
}

// [heads][q, k, v][D] rows as [q, k, v][heads][D].
at::Tensor HeadsLast(const at::Tensor& rows, int64_t heads) {
  std::vector<int64_t> shape = rows.sizes().vec();
  shape.insert(shape.begin(), {heads, 3});
  shape[2] = -1;
  return rows.view(shape).transpose(0, 1).reshape(rows.sizes());
}

// The network's answer for every offset, query minus key: sign(d) · ln(1 + |d|) on both axes.
at::Tensor TableOf(const Linear& inner, const Linear& outer, Extent window) {
  const auto axis = [](int64_t size) {
    const at::Tensor offsets = at::arange(1 - size, size, at::kFloat);
    return offsets.sign() * offsets.abs().log1p();
  };
  const at::Tensor rows = axis(window.height), columns = axis(window.width);
  const at::Tensor pairs = at::stack({rows.unsqueeze(1).expand({rows.size(0), columns.size(0)}),
                                      columns.unsqueeze(0).expand({rows.size(0), columns.size(0)})},
                                     -1);
  return Apply(outer, at::relu(Apply(inner, pairs.reshape({-1, 2}))));
}

void Loader::FinishAttention(const AttentionParts& parts, Extent window,
                             MaxVitAttention& attention) const {
  TransformerLayer& layer = attention.layer;
  const int64_t heads = layer.qkv.weight.size(1) / config_.head_size;
  if (config_.heads_first) {
    layer.qkv.weight = HeadsLast(layer.qkv.weight, heads);
    if (layer.qkv.bias.defined()) layer.qkv.bias = HeadsLast(layer.qkv.bias, heads);
  }
  if (config_.has_layer_scale) {
    FoldLayerScale(parts.scales[0], layer.attention_out);
    FoldLayerScale(parts.scales[1], layer.feed_forward_out);
  }
  if (config_.bias == MaxVitBias::kTensorFlowTable) {  // key minus query: the other way round
    attention.bias_table = parts.table.flip({1, 2}).flatten(1).transpose(0, 1).contiguous();
  }
  if (config_.bias == MaxVitBias::kNetwork) {
    attention.bias_table = TableOf(parts.inner, parts.outer, window);
  }
}

}  // namespace

absl::StatusOr<MaxVitWeights> LoadMaxVitWeights(const MaxVitConfig& config,
                                                const TensorMap& checkpoint,
                                                const std::string& where) {
  const at::NoGradGuard no_grad;
  return Loader(config, checkpoint).Load(where);
}

absl::StatusOr<MaxVitWeights> InitialMaxVitWeights(const MaxVitConfig& config,
                                                   int64_t num_classes) {
  if (config.has_layer_scale || config.heads_first || config.bias == MaxVitBias::kTensorFlowTable ||
      config.bias == MaxVitBias::kNetwork) {
    return absl::UnimplementedError(
        "a MaxViT is trained without layer scales, with transformer_head_first false and "
        "transformer_rel_pos_type bias or none");
  }
  MaxVitWeights weights;
  for (const WeightEntry& entry : MaxVitTrainingTable(config, num_classes, weights)) {
    at::Tensor& tensor = *entry.tensor;
    tensor = at::zeros(entry.shape);
    if (tensor.dim() == 1) {
      // Biases and running means stay 0.
      if (entry.key.ends_with(".weight") || entry.key.ends_with(".running_var")) tensor.fill_(1);
    } else if (absl::StartsWith(entry.key, "head.fc")) {
      tensor.normal_(0, 0.02);
    } else if (!absl::StrContains(entry.key, "bias_table")) {
      const double gain =
          absl::StrContains(entry.key, "conv1") || absl::StrContains(entry.key, "conv2") ? 2 : 1;
      tensor.normal_(0, std::sqrt(gain / static_cast<double>(tensor[0].numel())));
    }
  }
  return weights;
}

std::vector<WeightEntry> MaxVitTrainingTable(const MaxVitConfig& config, int64_t num_classes,
                                             MaxVitWeights& weights) {
  const TensorMap none;
  std::vector<std::vector<BlockParts>> parts;  // nothing is bound to them, see InitialMaxVitWeights
  Loader loader(config, none);
  loader.Bind(num_classes, weights, parts);
  return std::move(loader.table());
}

}  // namespace strata::models
