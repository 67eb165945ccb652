#include "models/hiera/hiera_config.h"

#include <cmath>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "models/layers/config_fields.h"
#include "models/layers/image_config.h"

namespace strata::models {
namespace {

using Json = nlohmann::json;

struct KnownModel {
  const char* name;  // of timm's architecture, up to the size
  int32_t embed_dim, num_heads;
  std::vector<int32_t> stages;
  int32_t position_grid = 0;  // above 0: positions of windows and of a coarse grid of this side
  bool use_expand_proj = true;
};

const std::vector<KnownModel>& KnownModels() {
  static const auto* const kModels = new std::vector<KnownModel>{
      {"hiera_tiny_", 96, 1, {1, 2, 7, 2}},
      {"hiera_small_abswin_", 96, 1, {1, 2, 11, 2}, 16, false},
      {"hiera_small_", 96, 1, {1, 2, 11, 2}},
      {"hiera_base_plus_", 112, 2, {2, 3, 16, 3}},
      {"hiera_base_abswin_", 96, 1, {2, 3, 16, 3}, 14, true},
      {"hiera_base_", 96, 1, {2, 3, 16, 3}},
      {"hiera_large_", 144, 2, {2, 6, 36, 4}},
      {"hiera_huge_", 256, 4, {2, 6, 36, 4}},
  };
  return *kModels;
}

void ReadExtent(ConfigFields& fields, const char* name, int32_t minimum, Extent& extent) {
  auto height = static_cast<int32_t>(extent.height), width = static_cast<int32_t>(extent.width);
  fields.SizePair(name, minimum, height, width);
  extent = {height, width};
}

int64_t Power(int64_t base, int32_t exponent) {
  int64_t power = 1;
  for (int32_t i = 0; i < exponent && power < 1 << 20; ++i) power *= base;
  return power;
}

// Field names as `names` has them: {depths, num_heads, mask unit, its attention, query pooling}.
struct Names {
  const char *depths, *heads, *unit, *unit_attention, *pool;
};

absl::Status Check(ConfigFields& fields, const HieraConfig& config, const Names& names,
                   const std::string& where) {
  const auto stages = static_cast<size_t>(config.num_stages());
  if (stages < 1 || stages > 8) fields.Fail(names.depths, "must name 1 to 8 stages");
  if (config.num_heads.size() != stages) fields.Fail(names.heads, "is not one for each stage");
  if (config.mask_unit_attention.size() != stages) {
    fields.Fail(names.unit_attention, "is not one for each stage");
  }
  if (std::accumulate(config.depths.begin(), config.depths.end(), int64_t{0}) > 1000) {
    fields.Fail(names.depths, "add up to more than 1000 blocks");
  }
  if (config.num_query_pool >= config.num_stages()) {
    fields.Fail(names.pool, "must be less than the number of stages");
  }
  if (!(config.epsilon > 0)) fields.Fail("layer_norm_eps", "must be above 0");
  if (!(config.mlp_ratio > 0 && config.mlp_ratio <= 64)) {
    fields.Fail("mlp_ratio", "must be above 0 and at most 64");
  }
  if (!(config.width_multiplier > 1 && config.width_multiplier <= 8)) {
    fields.Fail(config.is_timm() ? "dim_mul" : "embed_dim_multiplier",
                "must be above 1 and at most 8");
  }
  if (config.image.area() > int64_t{1} << 26) fields.Fail("image_size", "is too large");
  if (!fields.status().ok()) return fields.status();
  const Extent folded{Power(config.query_stride.height, config.num_stages() - 1),
                      Power(config.query_stride.width, config.num_stages() - 1)};
  if (config.mask_unit.height % folded.height != 0 || config.mask_unit.width % folded.width != 0) {
    fields.Fail(names.unit, absl::StrCat("is no multiple of the pooling of all stages, ",
                                         folded.height, " x ", folded.width));
  }
  for (const HieraBlockPlan& block : config.Blocks()) {
    if (block.channels_out > 1 << 16) fields.Fail("embed_dim", "grows beyond 65536 channels");
    if (block.num_heads < 1 || block.channels_out % block.num_heads != 0) {
      fields.Fail(names.heads,
                  absl::StrCat(block.num_heads, " does not divide the ", block.channels_out,
                               " channels of stage ", block.stage));
    }
    if (block.window < 1) fields.Fail(names.unit, "is used up before the last stage");
    if (block.pooled > 1 && !block.widens()) {
      fields.Fail("embed_dim",
                  absl::StrCat("does not grow in stage ", block.stage, ", which pools its tokens"));
    }
    if (!fields.status().ok()) break;
    if (block.widens() && !config.use_expand_proj && block.channels_out != 2 * block.channels_in) {
      return absl::UnimplementedError(
          absl::StrCat(where, ": use_expand_proj is false, but dim_mul is not 2"));
    }
  }
  return fields.status();
}

absl::StatusOr<HieraConfig> ParseTransformers(ConfigFields& fields, const std::string& where) {
  HieraConfig config;
  std::string activation = "gelu";
  ReadExtent(fields, "image_size", 1, config.image);
  ReadExtent(fields, "patch_size", 1, config.patch_kernel);
  ReadExtent(fields, "patch_stride", 1, config.patch_stride);
  ReadExtent(fields, "patch_padding", 0, config.patch_padding);
  fields.Size("num_channels", 1, config.num_channels);
  fields.Size("embed_dim", 1, config.embed_dim);
  fields.Sizes("depths", 1, config.depths);
  fields.Sizes("num_heads", 1, config.num_heads);
  fields.Number("embed_dim_multiplier", config.width_multiplier);
  fields.Size("num_query_pool", 0, config.num_query_pool);
  ReadExtent(fields, "query_stride", 1, config.query_stride);
  ReadExtent(fields, "masked_unit_size", 1, config.mask_unit);
  fields.Flags("masked_unit_attention", config.mask_unit_attention);
  fields.Number("mlp_ratio", config.mlp_ratio);
  fields.Text("hidden_act", activation);
  fields.Number("layer_norm_eps", config.epsilon);
  fields.Labels(config.labels);
  config.architecture = fields.Architecture();
  const Names names{"depths", "num_heads", "masked_unit_size", "masked_unit_attention",
                    "num_query_pool"};
  if (absl::Status status = Check(fields, config, names, where); !status.ok()) return status;
  auto known = ParseHiddenAct(activation, where);
  if (!known.ok()) return known.status();
  config.activation = *known;
  return config;
}

absl::StatusOr<HieraConfig> ParseTimm(const ConfigFields& root, const std::string& where) {
  HieraConfig config;
  config.flavor = HieraFlavor::kTimm;
  config.architecture = root.Find("architecture")->get<std::string>();
  const KnownModel* known = nullptr;
  for (const KnownModel& model : KnownModels()) {
    if (known == nullptr && absl::StartsWith(config.architecture, model.name)) known = &model;
  }
  if (known == nullptr) {
    return absl::UnimplementedError(absl::StrCat(where, ": architecture '", config.architecture,
                                                 "' is none of timm's hiera_*"));
  }
  config.embed_dim = known->embed_dim;
  config.depths = known->stages;
  int32_t heads = known->num_heads, size = 0;
  if (absl::SimpleAtoi(config.architecture.substr(config.architecture.rfind('_') + 1), &size) &&
      size > 0) {
    config.image = {size, size};
  }
  config.use_expand_proj = known->use_expand_proj;
  if (known->position_grid > 0) {
    config.window_positions = config.has_layer_scale = true;
    config.position_grid = {known->position_grid, known->position_grid};
  }
  ConfigFields fields = root.Within("model_args");
  double head_multiplier = 2, init_values = 0;
  bool separate_positions = false;
  std::string pool = "avg";
  ReadExtent(fields, "img_size", 1, config.image);
  ReadExtent(fields, "patch_kernel", 1, config.patch_kernel);
  ReadExtent(fields, "patch_stride", 1, config.patch_stride);
  ReadExtent(fields, "patch_padding", 0, config.patch_padding);
  fields.Size("in_chans", 1, config.num_channels);
  fields.Size("embed_dim", 1, config.embed_dim);
  fields.Sizes("stages", 1, config.depths);
  fields.Size("num_heads", 1, heads);
  fields.Number("dim_mul", config.width_multiplier);
  fields.Number("head_mul", head_multiplier);
  fields.Size("q_pool", 0, config.num_query_pool);
  ReadExtent(fields, "q_stride", 1, config.query_stride);
  ReadExtent(fields, "mask_unit_size", 1, config.mask_unit);
  fields.Flags("mask_unit_attn", config.mask_unit_attention);
  fields.Number("mlp_ratio", config.mlp_ratio);
  fields.Number("init_values", init_values);
  fields.Flag("use_expand_proj", config.use_expand_proj);
  fields.Flag("sep_pos_embed", separate_positions);
  fields.Flag("abs_win_pos_embed", config.window_positions);
  ReadExtent(fields, "global_pos_size", 1, config.position_grid);
  fields.Text("global_pool", pool);
  config.has_layer_scale |= fields.Find("init_values") != nullptr;
  if (!(head_multiplier >= 1 && head_multiplier <= 8)) {
    fields.Fail("head_mul", "must be in 1..8");
  }
  config.num_heads = {heads};
  for (size_t i = 1; i < config.depths.size() && i < 8; ++i) {
    heads = static_cast<int32_t>(heads * head_multiplier);
    config.num_heads.push_back(heads);
  }
  const Names names{"stages", "num_heads", "mask_unit_size", "mask_unit_attn", "q_pool"};
  if (absl::Status status = Check(fields, config, names, where); !status.ok()) return status;
  if (separate_positions) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": sep_pos_embed is for video, which is not read"));
  }
  if (pool != "avg") {
    return absl::UnimplementedError(
        absl::StrCat(where, ": global_pool '", pool, "'; only avg is known"));
  }
  if (const Json* norm = fields.Find("norm_layer"); norm != nullptr && *norm != "LayerNorm") {
    return absl::UnimplementedError(absl::StrCat(where, ": norm_layer is not LayerNorm"));
  }
  ReadTimmLabels(root, config.labels);
  return config;
}

}  // namespace

std::vector<HieraBlockPlan> HieraConfig::Blocks() const {
  std::vector<HieraBlockPlan> blocks;
  int64_t channels = embed_dim, width = embed_dim, window = mask_unit.area();
  for (int32_t i = 0; i < num_stages(); ++i) {
    const auto stage = static_cast<size_t>(i);
    const bool pools = i > 0 && i <= num_query_pool;
    if (i > 0) {
      // transformers rounds the power, timm each step.
      width = is_timm() ? static_cast<int64_t>(static_cast<double>(channels) * width_multiplier)
                        : static_cast<int64_t>(embed_dim * std::pow(width_multiplier, i));
      // transformers makes windows smaller from stage to stage, whether or not one pools.
      if (pools || !is_timm()) window /= query_stride.area();
    }
    for (int32_t j = 0; j < depths[stage]; ++j) {
      HieraBlockPlan& block = blocks.emplace_back();
      block.stage = i;
      block.index = j;
      block.channels_in = channels;
      block.channels_out = channels = width;
      block.num_heads = num_heads[stage];
      block.pooled = pools && j == 0 ? query_stride.area() : 1;
      block.window = window;
      // The first block of a stage works by the rule of the stage before: timm always does, and
      // transformers where that rule is local.
      const bool own = mask_unit_attention[stage];
      const bool before = mask_unit_attention[i > 0 ? stage - 1 : 0];
      block.is_local = j > 0 ? own : is_timm() ? before : own || before;
    }
  }
  return blocks;
}

absl::StatusOr<HieraConfig> ParseHieraConfig(const std::string& json, const std::string& where) {
  ConfigFields fields(json, where);
  if (!fields.status().ok()) return fields.status();
  const Json* architecture = fields.Find("architecture");
  if (architecture != nullptr && architecture->is_string()) return ParseTimm(fields, where);
  return ParseTransformers(fields, where);
}

}  // namespace strata::models
