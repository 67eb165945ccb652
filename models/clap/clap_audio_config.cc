#include "models/clap/clap_audio_config.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/config_fields.h"

namespace strata::models {
namespace {

// One number for both axes, or a pair.
void Pair(ConfigFields& fields, const char* name, std::array<int32_t, 2>& pair) {
  const nlohmann::json* field = fields.Find(name);
  if (field == nullptr) return;
  std::vector<int32_t> values;
  if (field->is_array()) {
    fields.Sizes(name, 1, values);
    if (values.size() != 2) return fields.Fail(name, "is not a pair: frequency, time");
  } else {
    values = {4, 4};
    fields.Size(name, 1, values[0]);
    values[1] = values[0];
  }
  pair = {values[0], values[1]};
}

std::string AudioPart(const std::string& json) {
  const nlohmann::json config = nlohmann::json::parse(json, nullptr, false);
  if (config.is_object() && config.contains("audio_config")) return config["audio_config"].dump();
  return json;
}

}  // namespace

absl::StatusOr<ClapAudioConfig> ParseClapAudioConfig(const std::string& json,
                                                     const std::string& where) {
  ClapAudioConfig config;
  config.swin.flavor = SwinFlavor::kTransformers;
  config.swin.num_heads = {4, 8, 16, 32};
  ConfigFields fields(AudioPart(json), where);
  int32_t size = 256, bands = 64, window = 8, dim = 96, hidden = 0, channels = 1;
  fields.Size("spec_size", 1, size);
  fields.Size("num_mel_bins", 1, bands);
  fields.Size("window_size", 1, window);
  fields.Size("patch_embeds_hidden_size", 1, dim);
  fields.Size("hidden_size", 1, hidden);
  fields.Size("patch_embed_input_channels", 1, channels);
  fields.Sizes("depths", 1, config.swin.depths);
  fields.Sizes("num_attention_heads", 1, config.swin.num_heads);
  Pair(fields, "patch_size", config.patch_size);
  Pair(fields, "patch_stride", config.patch_stride);
  fields.Number("mlp_ratio", config.swin.mlp_ratio);
  fields.Number("layer_norm_eps", config.swin.epsilon);
  fields.Flag("qkv_bias", config.swin.qkv_bias);
  fields.Flag("enable_patch_layer_norm", config.patch_norm);
  fields.Flag("enable_fusion", config.enable_fusion);
  fields.Size("aff_block_r", 1, config.fusion_reduction);
  fields.Size("projection_dim", 1, config.projection_dim);
  bool flatten = true;
  fields.Flag("flatten_patch_embeds", flatten);
  std::string activation = "gelu", projection = "relu", fusion;
  fields.Text("hidden_act", activation);
  fields.Text("projection_hidden_act", projection);
  fields.Text("fusion_type", fusion);
  if (!fields.status().ok()) return fields.status();

  const auto unimplemented = [&](const char* what) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": ", what, ", with which the reference itself cannot run"));
  };
  if (!flatten) return unimplemented("flatten_patch_embeds false");
  if (channels != 1) return unimplemented("patch_embed_input_channels other than 1");
  if (config.enable_fusion && fusion == "channel_map") {
    return unimplemented("fusion_type \"channel_map\"");
  }
  for (const auto& [name, given, target] :
       {std::tuple{"hidden_act", &activation, &config.swin.activation},
        std::tuple{"projection_hidden_act", &projection, &config.projection_activation}}) {
    auto parsed = ParseActivation(*given);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": ", name, ": ", parsed.status().message()));
    }
    *target = *parsed;
  }
  config.image = {size, bands};
  config.swin.window = window;
  config.swin.embed_dim = dim;
  config.swin.grid_height = config.grid(0);
  config.swin.grid_width = config.grid(1);
  for (const absl::Status& status :
       {CheckSpectrogramImageSpec(config.image, where), CheckSwinSpec(config.swin, where)}) {
    if (!status.ok()) return status;
  }
  if (hidden != 0 && hidden != config.hidden_size()) {
    fields.Fail("hidden_size", absl::StrCat("is ", hidden, ", ", config.swin.num_stages(),
                                            " stages make ", config.hidden_size()));
  }
  if (config.enable_fusion && dim / config.fusion_reduction < 1) {
    fields.Fail("aff_block_r", absl::StrCat("leaves no channel of ", dim));
  }
  for (int axis = 0; axis < 2; ++axis) {
    const auto i = static_cast<size_t>(axis);
    const int32_t patch = config.patch_size[i], stride = config.patch_stride[i];
    if (patch < stride ||
        (size + 2 * config.patch_padding(axis) - patch) / stride + 1 != config.grid(axis)) {
      fields.Fail("patch_stride", absl::StrCat("of ", stride, " with patches of ", patch,
                                               " does not cover a spec_size of ", size));
    }
  }
  int64_t height = config.grid(0), width = config.grid(1);
  for (int64_t stage = 0; stage < config.swin.num_stages() && fields.status().ok(); ++stage) {
    auto fits = SwinWindow(config.swin, stage, height, width, /*shifted=*/true);
    if (!fits.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": spec_size: ", fits.status().message()));
    }
    if (stage + 1 == config.swin.num_stages()) break;
    if (height % 2 != 0 || width % 2 != 0) {
      fields.Fail("spec_size", absl::StrCat("of ", size, " leaves stage ", stage, " a map of ",
                                            height, " by ", width, ", which cannot be halved"));
    }
    height /= 2;
    width /= 2;
  }
  if (height % config.image.ratio() != 0) {
    fields.Fail("spec_size", absl::StrCat("leaves ", height, " rows for ", config.image.ratio(),
                                          " stretches of time"));
  }
  if (!fields.status().ok()) return fields.status();
  return config;
}

}  // namespace strata::models
