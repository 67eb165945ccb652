#include "models/fastervit/faster_vit_config.h"

#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/layers/config_fields.h"

namespace strata::models {
namespace {

using Json = nlohmann::json;

int64_t Half(int64_t size) { return (size + 1) / 2; }

int64_t RootOf(int64_t number) {
  int64_t root = 0;
  while ((root + 1) * (root + 1) <= number) ++root;
  return root;
}

// Whether a field is a number: null and absent mean that there is no such scale.
bool IsNumber(const ConfigFields& fields, const char* name) {
  const Json* field = fields.Find(name);
  return field != nullptr && field->is_number();
}

void CheckLevel(ConfigFields& fields, const FasterVitConfig& config, int32_t level) {
  const auto at = static_cast<size_t>(level);
  const int32_t window = config.windows[at], heads = config.num_heads[at];
  const Extent map = config.Map(level);
  if (window < 2 || window > 64) {
    return fields.Fail("window_size",
                       absl::StrCat("is ", window, " in level ", level, ", outside 2..64"));
  }
  if (config.channels(level) % heads != 0) {
    fields.Fail("num_heads", absl::StrCat(heads, " does not divide the ", config.channels(level),
                                          " channels of level ", level));
  }
  if (!config.any_resolution && (map.height % window != 0 || map.width % window != 0)) {
    fields.Fail("resolution",
                absl::StrCat("makes a map of ", map.height, " x ", map.width, " in level ", level,
                             ", which windows of ", window, " do not divide"));
  }
  if (!config.HasCarriers(level)) return;
  const int64_t carriers = config.Carriers(level).area();
  if (carriers > 4096) fields.Fail("resolution", "makes more than 4096 carriers");
  // Positions and offsets are divided by a side less one.
  if (RootOf(carriers) < 2) {
    fields.Fail("ct_size", absl::StrCat("makes ", carriers, " carriers in level ", level,
                                        "; their positions take 4 at least"));
  }
}

void Check(ConfigFields& fields, const FasterVitConfig& config) {
  if (config.depths.size() != 4) fields.Fail("depths", "must name 4 levels");
  if (config.num_heads.size() != 4) fields.Fail("num_heads", "must name 4 levels");
  if (config.windows.size() != 4) fields.Fail("window_size", "must name 4 levels");
  if (config.hat.size() != 4) fields.Fail("hat", "must name 4 levels");
  if (std::accumulate(config.depths.begin(), config.depths.end(), int64_t{0}) > 1000) {
    fields.Fail("depths", "add up to more than 1000 blocks");
  }
  if (config.dim > 1 << 13) fields.Fail("dim", "is above 8192");
  if (config.in_dim > 1 << 13) fields.Fail("in_dim", "is above 8192");
  if (config.ct_size > 16) fields.Fail("ct_size", "is above 16");
  if (!(config.mlp_ratio > 0 && config.mlp_ratio <= 64)) {
    fields.Fail("mlp_ratio", "must be above 0 and at most 64");
  }
  if (config.image.area() > int64_t{1} << 26) fields.Fail("resolution", "is too large");
  for (int32_t i = FasterVitConfig::kFirstAttention; fields.status().ok() && i < 4; ++i) {
    CheckLevel(fields, config, i);
  }
}

}  // namespace

Extent FasterVitConfig::Map(int32_t level) const {
  Extent map = image;
  for (int32_t i = 0; i < level + 2; ++i) map = {Half(map.height), Half(map.width)};
  return map;
}

Extent FasterVitConfig::Windows(int32_t level) const {
  const int64_t window = windows[static_cast<size_t>(level)];
  const Extent map = Map(level);
  return {(map.height + window - 1) / window, (map.width + window - 1) / window};
}

bool FasterVitConfig::HasCarriers(int32_t level) const {
  const Extent count = Windows(level);
  return level >= kFirstAttention && hat[static_cast<size_t>(level)] &&
         (count.height > 1 || count.width > 1);
}

Extent FasterVitConfig::Carriers(int32_t level) const {
  const Extent count = Windows(level);
  return {count.height * ct_size, count.width * ct_size};
}

absl::StatusOr<FasterVitConfig> ParseFasterVitConfig(const std::string& json,
                                                     const std::string& where) {
  ConfigFields fields(json, where);
  FasterVitConfig config;
  std::string class_name;
  int32_t height = 224, width = 224;
  fields.Text("class", class_name);
  config.any_resolution =
      absl::StrContains(class_name, "any_res") || absl::StrContains(class_name, "AnyRes");
  fields.SizePair("resolution", 1, height, width);
  config.image = {height, width};
  fields.Size("in_chans", 1, config.num_channels);
  fields.Size("dim", 1, config.dim);
  fields.Size("in_dim", 1, config.in_dim);
  fields.Sizes("depths", 1, config.depths);
  fields.Sizes("num_heads", 1, config.num_heads);
  fields.Sizes("window_size", 1, config.windows);
  fields.Flags("hat", config.hat);
  fields.Size("ct_size", 1, config.ct_size);
  fields.Number("mlp_ratio", config.mlp_ratio);
  fields.Flag("qkv_bias", config.qkv_bias);
  fields.Number("qk_scale", config.qk_scale);
  config.has_layer_scale = IsNumber(fields, "layer_scale");
  config.has_conv_layer_scale = IsNumber(fields, "layer_scale_conv");
  fields.Flag("layer_norm_last", config.layer_norm_last);
  fields.Flag("do_propagation", config.do_propagation);
  fields.Labels(config.labels);
  Check(fields, config);
  if (!fields.status().ok()) return fields.status();
  return config;
}

}  // namespace strata::models
