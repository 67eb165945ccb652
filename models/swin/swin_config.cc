#include "models/swin/swin_config.h"

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
  const char* name;  // of the architecture, up to "_patch4…" or the size
  int32_t embed_dim;
  std::vector<int32_t> depths, num_heads, windows;
};

// timm's architectures, which a config.json names without repeating their sizes.
const std::vector<KnownModel>& KnownModels() {
  static const auto* const kModels = new std::vector<KnownModel>{
      {"swin_tiny_", 96, {2, 2, 6, 2}, {3, 6, 12, 24}, {}},
      {"swin_small_", 96, {2, 2, 18, 2}, {3, 6, 12, 24}, {}},
      {"swin_base_", 128, {2, 2, 18, 2}, {4, 8, 16, 32}, {}},
      {"swin_large_", 192, {2, 2, 18, 2}, {6, 12, 24, 48}, {}},
      {"swin_s3_tiny_", 96, {2, 2, 6, 2}, {3, 6, 12, 24}, {7, 7, 14, 7}},
      {"swin_s3_small_", 96, {2, 2, 18, 2}, {3, 6, 12, 24}, {14, 14, 14, 7}},
      {"swin_s3_base_", 96, {2, 2, 30, 2}, {3, 6, 12, 24}, {7, 7, 14, 7}},
  };
  return *kModels;
}

// A number for all stages, a list [height, width] for all, or a list with one of either a stage.
void ReadWindows(ConfigFields& fields, SwinSpec& spec) {
  const Json* field = fields.Find("window_size");
  if (field == nullptr) return;
  const auto size_of = [&](const Json& value) -> int64_t {
    const bool fits =
        value.is_number_integer() && value.get<int64_t>() >= 1 && value.get<int64_t>() <= 128;
    if (!fits) fields.Fail("window_size", "holds something that is no whole number in 1..128");
    return fits ? value.get<int64_t>() : 1;
  };
  const auto pair_of = [&](const Json& value) -> Extent {
    if (!value.is_array()) return {size_of(value), size_of(value)};
    if (value.size() == 2) return {size_of(value[0]), size_of(value[1])};
    fields.Fail("window_size", "holds a list that is not [height, width]");
    return {1, 1};
  };
  const bool is_list_of_stages =
      field->is_array() && !(field->size() == 2 && !field->front().is_array());
  spec.stage_windows.assign(is_list_of_stages ? 0 : spec.depths.size(), Extent{});
  if (is_list_of_stages) {
    for (const Json& value : *field) spec.stage_windows.push_back(pair_of(value));
  } else {
    for (Extent& window : spec.stage_windows) window = pair_of(*field);
  }
}

// Checks what the parts of a configuration have in common, and completes it.
absl::Status Finish(ConfigFields& fields, const std::string& where, SwinConfig& config) {
  if (config.image.area() > int64_t{1} << 26 || config.patch.area() > 1 << 16) {
    fields.Fail(config.is_timm() ? "img_size" : "image_size", "or patch_size is too large");
  }
  if (!fields.status().ok()) return fields.status();
  const Extent grid = config.Patches(config.image);
  config.spec.grid_height = grid.height;
  config.spec.grid_width = grid.width;
  return CheckSwinSpec(config.spec, where);
}

absl::StatusOr<SwinConfig> ParseTransformers(ConfigFields& fields, const std::string& where) {
  SwinConfig config;
  SwinSpec& spec = config.spec;
  spec.flavor = SwinFlavor::kTransformers;
  int32_t image_height = 224, image_width = 224, patch_height = 4, patch_width = 4;
  int32_t embed_dim = 96, window = 7;
  std::string activation = "gelu";
  fields.SizePair("image_size", 1, image_height, image_width);
  fields.SizePair("patch_size", 1, patch_height, patch_width);
  fields.Size("num_channels", 1, config.num_channels);
  fields.Size("embed_dim", 1, embed_dim);
  fields.Sizes("depths", 1, spec.depths);
  fields.Sizes("num_heads", 1, spec.num_heads);
  fields.Size("window_size", 1, window);
  fields.Number("mlp_ratio", spec.mlp_ratio);
  fields.Flag("qkv_bias", spec.qkv_bias);
  fields.Text("hidden_act", activation);
  fields.Number("layer_norm_eps", spec.epsilon);
  fields.Flag("use_absolute_embeddings", config.use_absolute_embeddings);
  fields.Labels(config.labels);
  config.architecture = fields.Architecture();
  config.image = {image_height, image_width};
  config.patch = {patch_height, patch_width};
  spec.embed_dim = embed_dim;
  spec.window = window;
  if (absl::Status status = Finish(fields, where, config); !status.ok()) return status;
  auto known = ParseHiddenAct(activation, where);
  if (!known.ok()) return known.status();
  spec.activation = *known;
  return config;
}

absl::StatusOr<SwinConfig> ParseTimm(const ConfigFields& root, const std::string& where) {
  SwinConfig config;
  SwinSpec& spec = config.spec;
  spec.flavor = SwinFlavor::kTimm;
  config.any_size = false;
  config.architecture = root.Find("architecture")->get<std::string>();
  const KnownModel* known = nullptr;
  for (const KnownModel& model : KnownModels()) {
    if (absl::StartsWith(config.architecture, model.name)) known = &model;
  }
  if (known == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": architecture '", config.architecture, "' is none of timm's swin_*"));
  }
  int32_t embed_dim = known->embed_dim;
  spec.depths = known->depths;
  spec.num_heads = known->num_heads;
  int32_t height = 224, width = 224, window = 7;
  for (absl::string_view part : absl::StrSplit(config.architecture, '_')) {  // …_window12_384
    if (absl::StartsWith(part, "window")) (void)absl::SimpleAtoi(part.substr(6), &window);
    int32_t size = 0;
    if (absl::SimpleAtoi(part, &size)) height = width = size;
  }
  spec.window = window;
  for (int32_t side : known->windows) spec.stage_windows.push_back({side, side});
  ConfigFields fields = root.Within("model_args");
  int32_t patch_height = 4, patch_width = 4;
  bool dynamic = false, strict = true;
  std::string pool = "avg";
  fields.SizePair("img_size", 1, height, width);
  fields.SizePair("patch_size", 1, patch_height, patch_width);
  fields.Size("in_chans", 1, config.num_channels);
  fields.Size("embed_dim", 1, embed_dim);
  fields.Sizes("depths", 1, spec.depths);
  fields.Sizes("num_heads", 1, spec.num_heads);
  ReadWindows(fields, spec);
  fields.Number("mlp_ratio", spec.mlp_ratio);
  fields.Flag("qkv_bias", spec.qkv_bias);
  fields.Flag("always_partition", spec.always_partition);
  fields.Flag("dynamic_img_size", dynamic);
  fields.Flag("strict_img_size", strict);
  fields.Text("global_pool", pool);
  config.any_size = dynamic || !strict;
  config.image = {height, width};
  config.patch = {patch_height, patch_width};
  spec.embed_dim = embed_dim;
  if (absl::Status status = Finish(fields, where, config); !status.ok()) return status;
  for (const char* name : {"head_dim", "norm_layer", "act_layer", "embed_layer"}) {
    if (fields.Find(name) != nullptr) {
      return absl::UnimplementedError(absl::StrCat(where, ": model_args: ", name, " is not known"));
    }
  }
  if (pool != "avg") {
    return absl::UnimplementedError(
        absl::StrCat(where, ": global_pool '", pool, "'; only avg is known"));
  }
  ReadTimmLabels(root, config.labels);
  return config;
}

}  // namespace

absl::StatusOr<SwinConfig> ParseSwinConfig(const std::string& json, const std::string& where) {
  ConfigFields fields(json, where);
  if (!fields.status().ok()) return fields.status();
  const Json* architecture = fields.Find("architecture");
  if (architecture != nullptr && architecture->is_string()) return ParseTimm(fields, where);
  return ParseTransformers(fields, where);
}

}  // namespace strata::models
