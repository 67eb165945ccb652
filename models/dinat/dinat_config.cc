#include "models/dinat/dinat_config.h"

#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/config_fields.h"
#include "models/layers/image_config.h"

namespace strata::models {
namespace {

using Json = nlohmann::json;
using Dilations = std::vector<std::vector<int32_t>>;

// DinatConfig's own, whatever its depths.
const Dilations& DefaultDilations() {
  static const auto* const kDefault =
      new Dilations{{1, 8, 1}, {1, 4, 1, 4}, {1, 2, 1, 2, 1, 2}, {1, 1, 1, 1, 1}};
  return *kDefault;
}

// One list a level, one number a block; what there is beyond that is never read.
void ReadDilations(ConfigFields& fields, bool is_nat, DinatConfig& config) {
  const size_t levels = config.depths.size();
  config.dilations.clear();
  if (is_nat) {
    for (int32_t depth : config.depths) {
      config.dilations.emplace_back(static_cast<size_t>(depth < 1000 ? depth : 0), 1);
    }
    return;
  }
  const auto fail = [&](const char* what) {
    config.dilations.assign(levels, {});
    fields.Fail("dilations", what);
  };
  const auto has_length = [&](size_t level, size_t size) {
    return size >= static_cast<size_t>(config.depths[level]);
  };
  const Json* field = fields.Find("dilations");
  if (field == nullptr) {
    config.dilations = DefaultDilations();
    for (size_t i = 0; i < levels; ++i) {
      if (i >= config.dilations.size() || !has_length(i, config.dilations[i].size())) {
        return fail("is missing, and the lists of the class's default are too short for depths");
      }
      config.dilations[i].resize(static_cast<size_t>(config.depths[i]));
    }
    config.dilations.resize(levels);
    return;
  }
  constexpr char kWrong[] =
      "is not one list for each level with one number in 1..4096 for each block";
  if (!field->is_array() || field->size() < levels) return fail(kWrong);
  for (size_t i = 0; i < levels; ++i) {
    const Json& level = (*field)[i];
    if (!level.is_array() || !has_length(i, level.size())) return fail(kWrong);
    std::vector<int32_t>& dilations = config.dilations.emplace_back();
    for (int32_t j = 0; j < config.depths[i]; ++j) {
      const Json& value = level[static_cast<size_t>(j)];
      if (!value.is_number_integer() || value.get<int64_t>() < 1 || value.get<int64_t>() > 4096) {
        return fail(kWrong);
      }
      dilations.push_back(value.get<int32_t>());
    }
  }
}

void Check(ConfigFields& fields, const DinatConfig& config) {
  const size_t levels = config.depths.size();
  if (levels < 1 || levels > 8) fields.Fail("depths", "must name 1 to 8 levels");
  if (config.num_heads.size() != levels) fields.Fail("num_heads", "is not one for each level");
  if (std::accumulate(config.depths.begin(), config.depths.end(), int64_t{0}) > 1000) {
    fields.Fail("depths", "add up to more than 1000 blocks");
  }
  if (config.kernel_size % 2 == 0 || config.kernel_size > 63) {
    fields.Fail("kernel_size", "must be odd and at most 63");
  }
  if (!(config.layer_norm_eps > 0)) fields.Fail("layer_norm_eps", "must be above 0");
  if (!(config.mlp_ratio > 0 && config.mlp_ratio <= 64)) {
    fields.Fail("mlp_ratio", "must be above 0 and at most 64");
  }
  if (config.embed_dim % 2 != 0) fields.Fail("embed_dim", "must be even");
  if (!fields.status().ok()) return;
  if (config.channels(config.num_levels() - 1) > 1 << 16) {
    fields.Fail("embed_dim", "makes a last level of more than 65536 channels");
  }
  for (int32_t i = 0; i < config.num_levels(); ++i) {
    const int32_t heads = config.num_heads[static_cast<size_t>(i)];
    if (config.channels(i) % heads != 0) {
      fields.Fail("num_heads", absl::StrCat(heads, " does not divide the ", config.channels(i),
                                            " channels of level ", i));
    }
  }
}

}  // namespace

absl::StatusOr<DinatConfig> ParseDinatConfig(const std::string& json, const std::string& where) {
  ConfigFields fields(json, where);
  DinatConfig config;
  int32_t patch_size = 4;
  double layer_scale = 0;
  std::string activation = "gelu", type = "dinat";
  fields.Text("model_type", type);
  fields.Size("patch_size", 1, patch_size);
  fields.Size("num_channels", 1, config.num_channels);
  fields.Size("embed_dim", 2, config.embed_dim);
  fields.Sizes("depths", 1, config.depths);
  fields.Sizes("num_heads", 1, config.num_heads);
  fields.Size("kernel_size", 1, config.kernel_size);
  ReadDilations(fields, /*is_nat=*/type == "nat", config);
  fields.Number("mlp_ratio", config.mlp_ratio);
  fields.Flag("qkv_bias", config.qkv_bias);
  fields.Text("hidden_act", activation);
  fields.Number("layer_norm_eps", config.layer_norm_eps);
  fields.Number("layer_scale_init_value", layer_scale);
  fields.Labels(config.labels);
  config.architecture = fields.Architecture();
  config.has_layer_scale = layer_scale > 0;
  if (patch_size != 4) fields.Fail("patch_size", "must be 4");
  Check(fields, config);
  if (!fields.status().ok()) return fields.status();
  auto known = ParseHiddenAct(activation, where);
  if (!known.ok()) return known.status();
  config.activation = *known;
  return config;
}

}  // namespace strata::models
