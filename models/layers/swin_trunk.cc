#include "models/layers/swin_trunk.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

constexpr double kMergingEpsilon = 1e-5;

TransformerLayerSpec LayerSpec(const SwinSpec& spec) {
  TransformerLayerSpec layer;
  layer.norm_place = NormPlace::kBefore;
  layer.norm = NormKind::kLayerNorm;
  layer.epsilon = spec.epsilon;
  layer.activation = spec.activation;
  return layer;
}

int64_t Half(int64_t size) { return (size + 1) / 2; }

// The grid of a stage for the grid that the tables are made for.
Extent TableGrid(const SwinSpec& spec, int64_t stage) {
  Extent grid{spec.grid_height, spec.grid_width};
  for (int64_t i = 0; i < stage; ++i) grid = {Half(grid.height), Half(grid.width)};
  return grid;
}

// Window without regard to any table.
Extent FittedWindow(const SwinSpec& spec, int64_t stage, Extent grid) {
  const Extent window = spec.window_of(stage);
  if (spec.flavor == SwinFlavor::kTimm) {
    if (spec.always_partition) return window;
    const Extent made_for = TableGrid(spec, stage);
    return {std::min(window.height, made_for.height), std::min(window.width, made_for.width)};
  }
  const int64_t side = std::min({window.height, grid.height, grid.width});
  return {side, side};
}

// The window that a stage's tables describe.
Extent TableWindow(const SwinSpec& spec, int64_t stage) {
  if (spec.flavor == SwinFlavor::kTransformers) return spec.window_of(stage);
  return FittedWindow(spec, stage, TableGrid(spec, stage));
}

// [B, H, W, C] → [B, ⌈H/2⌉, ⌈W/2⌉, 2C]; an odd side gets a row of zeros first.
at::Tensor Merge(const PatchMerging& merging, const at::Tensor& x) {
  const int64_t height = x.size(1), width = x.size(2), channels = x.size(3);
  const at::Tensor even = height % 2 == 0 && width % 2 == 0
                              ? x
                              : at::constant_pad_nd(x, {0, 0, 0, width % 2, 0, height % 2});
  // Channels in the order of (row, column) (0,0) (1,0) (0,1) (1,1).
  const at::Tensor gathered = even.view({x.size(0), Half(height), 2, Half(width), 2, channels})
                                  .permute({0, 1, 3, 4, 2, 5})
                                  .reshape({x.size(0), Half(height), Half(width), 4 * channels});
  return Apply(merging.reduction,
               Normalize(merging.norm, NormKind::kLayerNorm, kMergingEpsilon, gathered));
}

}  // namespace

absl::Status CheckSwinSpec(const SwinSpec& spec, const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
  };
  const int64_t stages = spec.num_stages();
  if (stages < 1 || stages > 8) return refuse(absl::StrCat(stages, " stages, outside 1..8"));
  if (static_cast<int64_t>(spec.num_heads.size()) != stages) {
    return refuse(absl::StrCat(stages, " stages and ", spec.num_heads.size(),
                               " numbers of heads; give one for each stage"));
  }
  if (spec.embed_dim < 1 || spec.channels(stages - 1) > (1 << 15)) {
    return refuse(absl::StrCat(spec.embed_dim, " channels in the first stage are ",
                               spec.channels(stages - 1), " in the last, at most 32768"));
  }
  if (!spec.stage_windows.empty() && static_cast<int64_t>(spec.stage_windows.size()) != stages) {
    return refuse(absl::StrCat(stages, " stages and ", spec.stage_windows.size(),
                               " windows; give one for each stage"));
  }
  for (int64_t i = 0; i < stages; ++i) {
    const Extent window = spec.window_of(i);
    if (window.height < 1 || window.width < 1 || window.area() > kMaxWindowTokens) {
      return refuse(absl::StrCat("a window of ", window.height, " by ", window.width,
                                 ", of no token or of more than ", kMaxWindowTokens));
    }
    if (window.height != window.width && spec.flavor != SwinFlavor::kTimm) {
      return refuse("a window that is no square; only timm's models have them");
    }
  }
  if (spec.grid_height < 1 || spec.grid_width < 1 || spec.grid_height > 8192 ||
      spec.grid_width > 8192) {
    return refuse(
        absl::StrCat("a grid of ", spec.grid_height, " by ", spec.grid_width, " patches"));
  }
  if (!(spec.mlp_ratio > 0 && spec.mlp_ratio <= 64)) {
    return refuse(absl::StrCat("an MLP ratio of ", spec.mlp_ratio, ", outside 0..64"));
  }
  if (!(spec.epsilon > 0)) return refuse("the norms' epsilon must be above 0");
  for (int64_t i = 0; i < stages; ++i) {
    const int32_t depth = spec.depths[static_cast<size_t>(i)];
    const int32_t heads = spec.num_heads[static_cast<size_t>(i)];
    if (depth < 1 || depth > 256) {
      return refuse(absl::StrCat("stage ", i, " has ", depth, " blocks, outside 1..256"));
    }
    if (heads < 1 || spec.channels(i) % heads != 0) {
      return refuse(absl::StrCat("stage ", i, ": ", heads, " heads do not divide ",
                                 spec.channels(i), " channels"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<WindowSpec> SwinWindow(const SwinSpec& spec, int64_t stage, int64_t height,
                                      int64_t width, bool shifted) {
  const Extent window = FittedWindow(spec, stage, {height, width});
  const Extent table = TableWindow(spec, stage);
  if (!(window == table)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "stage ", stage, " works on a grid of ", height, " by ", width, ", its windows of ",
        table.height, " by ", table.width, " would be ", window.height, " by ", window.width,
        "; the input is too small for this model"));
  }
  WindowSpec result;
  result.height = window.height;
  result.width = window.width;
  result.padding =
      spec.flavor == SwinFlavor::kTimm ? WindowPadding::kAfterShift : WindowPadding::kBeforeShift;
  if (!shifted) return result;
  const Extent full = spec.window_of(stage);
  if (spec.flavor == SwinFlavor::kTimm) {
    const Extent made_for = TableGrid(spec, stage);
    const bool always = spec.always_partition;
    result.shift_height = always || made_for.height > full.height ? full.height / 2 : 0;
    result.shift_width = always || made_for.width > full.width ? full.width / 2 : 0;
  } else if (std::min(height, width) > full.height) {
    result.shift_height = result.shift_width = full.height / 2;
  }
  return result;
}

std::vector<SwinStage> InitialSwinStages(const SwinSpec& spec) {
  std::vector<SwinStage> stages;
  for (int64_t i = 0; i < spec.num_stages(); ++i) {
    SwinStage& stage = stages.emplace_back();
    const int64_t channels = spec.channels(i);
    const Extent window = TableWindow(spec, i);
    for (int32_t j = 0; j < spec.depths[static_cast<size_t>(i)]; ++j) {
      SwinBlock& block = stage.blocks.emplace_back();
      block.layer = InitialTransformerLayer(
          LayerSpec(spec),
          {.hidden = channels,
           .attention = channels,
           .feed_forward = static_cast<int64_t>(static_cast<double>(channels) * spec.mlp_ratio)});
      if (!spec.qkv_bias) block.layer.qkv.bias = at::Tensor();
      block.bias_table = at::zeros({(2 * window.height - 1) * (2 * window.width - 1),
                                    spec.num_heads[static_cast<size_t>(i)]});
    }
    if (i + 1 < spec.num_stages()) {
      stage.merging.norm = {at::ones({4 * channels}), at::zeros({4 * channels})};
      stage.merging.reduction.weight = at::normal(0.0, 0.02, {2 * channels, 4 * channels});
    }
  }
  return stages;
}

std::vector<SwinStage> EmptySwinStages(const SwinSpec& spec) {
  std::vector<SwinStage> stages(spec.depths.size());
  for (size_t i = 0; i < stages.size(); ++i) {
    stages[i].blocks.resize(static_cast<size_t>(spec.depths[i]));
  }
  return stages;
}

void AddSwinWeights(const SwinSpec& spec, const std::string& prefix, std::vector<SwinStage>& stages,
                    std::vector<WeightEntry>& table) {
  const bool transformers = spec.flavor == SwinFlavor::kTransformers;
  const auto add = [&](const std::string& key, at::Tensor& tensor, std::vector<int64_t> shape,
                       int64_t row = 0) {
    table.push_back({prefix + key, &tensor, row, std::move(shape)});
  };
  const auto add_norm = [&](const std::string& key, Norm& norm, int64_t size) {
    add(key + ".weight", norm.weight, {size});
    add(key + ".bias", norm.bias, {size});
  };
  const auto add_linear = [&](const std::string& key, Linear& linear, int64_t out, int64_t in,
                              bool has_bias = true, int64_t row = 0) {
    add(key + ".weight", linear.weight, {out, in}, row);
    if (has_bias) add(key + ".bias", linear.bias, {out}, row);
  };
  for (size_t i = 0; i < stages.size(); ++i) {
    const auto at_stage = static_cast<int64_t>(i);
    const std::string stage = absl::StrCat("layers.", i, ".");
    const int64_t c = spec.channels(at_stage);
    const auto inner = static_cast<int64_t>(static_cast<double>(c) * spec.mlp_ratio);
    const Extent window = TableWindow(spec, at_stage);
    const std::vector<int64_t> bias_shape = {(2 * window.height - 1) * (2 * window.width - 1),
                                             spec.num_heads[i]};
    for (size_t j = 0; j < stages[i].blocks.size(); ++j) {
      SwinBlock& block = stages[i].blocks[j];
      TransformerLayer& layer = block.layer;
      const std::string at = absl::StrCat(stage, "blocks.", j, ".");
      add_norm(at + (transformers ? "layernorm_before" : "norm1"), layer.attention_norm, c);
      if (transformers) {
        int64_t row = 0;
        for (const char* name : {"query", "key", "value"}) {
          add_linear(absl::StrCat(at, "attention.self.", name), layer.qkv, c, c, spec.qkv_bias,
                     row);
          row += c;
        }
        add(at + "attention.self.relative_position_bias_table", block.bias_table, bias_shape);
        add_linear(at + "attention.output.dense", layer.attention_out, c, c);
      } else {
        add_linear(at + "attn.qkv", layer.qkv, 3 * c, c, spec.qkv_bias);
        add(at + "attn.relative_position_bias_table", block.bias_table, bias_shape);
        add_linear(at + "attn.proj", layer.attention_out, c, c);
      }
      add_norm(at + (transformers ? "layernorm_after" : "norm2"), layer.feed_forward_norm, c);
      add_linear(at + (transformers ? "intermediate.dense" : "mlp.fc1"), layer.feed_forward_in,
                 inner, c);
      add_linear(at + (transformers ? "output.dense" : "mlp.fc2"), layer.feed_forward_out, c,
                 inner);
    }
    if (i + 1 == stages.size()) continue;
    const size_t owner = spec.flavor == SwinFlavor::kTimm ? i + 1 : i;
    const std::string merging = absl::StrCat("layers.", owner, ".downsample.");
    add_norm(merging + "norm", stages[i].merging.norm, 4 * c);
    add_linear(merging + "reduction", stages[i].merging.reduction, 2 * c, 4 * c, false);
  }
}

bool IsDerivedSwinKey(const std::string& key) {
  return absl::EndsWith(key, ".relative_position_index") || absl::EndsWith(key, ".attn_mask");
}

absl::StatusOr<at::Tensor> RunSwinStages(const SwinSpec& spec, const std::vector<SwinStage>& stages,
                                         at::Tensor x, const SwinForwardOptions& options) {
  const TransformerLayerSpec layer_spec = LayerSpec(spec);
  for (size_t i = 0; i < stages.size(); ++i) {
    const bool last = i + 1 == stages.size();
    WindowPlan plans[2];  // of even blocks and of odd ones
    for (size_t j = 0; j < stages[i].blocks.size(); ++j) {
      if (options.cancelled && options.cancelled()) return absl::CancelledError("cancelled");
      const SwinBlock& block = stages[i].blocks[j];
      if (j < 2) {
        auto window =
            SwinWindow(spec, static_cast<int64_t>(i), x.size(1), x.size(2), /*shifted=*/j == 1);
        if (!window.ok()) return window.status();
        plans[j] = MakeWindowPlan({x.size(1), x.size(2)}, *window);
      }
      at::Tensor probabilities;
      const bool wanted = last && options.last_probabilities != nullptr;
      const at::Tensor context = WindowAttention(
          ProjectQkv(layer_spec, block.layer, x), spec.num_heads[i], block.bias_table,
          block.layer.qkv.bias, plans[j % 2], wanted ? &probabilities : nullptr);
      if (wanted) options.last_probabilities->push_back(probabilities);
      x = FinishLayer(layer_spec, block.layer, x, context);
    }
    if (options.stage_outputs != nullptr) options.stage_outputs->push_back(x);
    if (last) break;
    x = Merge(stages[i].merging, x);
    if (options.merged_outputs != nullptr) options.merged_outputs->push_back(x);
  }
  return x;
}

}  // namespace strata::models
