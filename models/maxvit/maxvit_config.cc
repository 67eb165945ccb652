#include "models/maxvit/maxvit_config.h"

#include <algorithm>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/layers/config_fields.h"
#include "models/layers/image_config.h"

namespace strata::models {
namespace {

using Json = nlohmann::json;

struct KnownModel {
  const char* name;  // of timm's architecture, up to the size
  std::vector<int32_t> channels, depths;
  std::array<int32_t, 2> stem;
  int32_t head_hidden_size = 0;
  bool has_layer_scale = false;
};

const std::vector<KnownModel>& KnownModels() {
  static const auto* const kModels = new std::vector<KnownModel>{
      {"maxvit_pico_rw_", {32, 64, 128, 256}, {2, 2, 5, 2}, {24, 32}},
      {"maxvit_nano_rw_", {64, 128, 256, 512}, {1, 2, 3, 1}, {32, 64}},
      {"maxvit_tiny_rw_", {64, 128, 256, 512}, {2, 2, 5, 2}, {32, 64}},
      {"maxvit_rmlp_pico_rw_", {32, 64, 128, 256}, {2, 2, 5, 2}, {24, 32}},
      {"maxvit_rmlp_nano_rw_", {64, 128, 256, 512}, {1, 2, 3, 1}, {32, 64}},
      {"maxvit_rmlp_tiny_rw_", {64, 128, 256, 512}, {2, 2, 5, 2}, {32, 64}},
      {"maxvit_rmlp_small_rw_", {96, 192, 384, 768}, {2, 2, 5, 2}, {32, 64}, 0, true},
      {"maxvit_rmlp_base_rw_", {96, 192, 384, 768}, {2, 6, 14, 2}, {32, 64}, 768},
      {"maxvit_tiny_tf_", {64, 128, 256, 512}, {2, 2, 5, 2}, {64, 64}, 512},
      {"maxvit_small_tf_", {96, 192, 384, 768}, {2, 2, 5, 2}, {64, 64}, 768},
      {"maxvit_base_tf_", {96, 192, 384, 768}, {2, 6, 14, 2}, {64, 64}, 768},
      {"maxvit_large_tf_", {128, 256, 512, 1024}, {2, 6, 14, 2}, {128, 128}, 1024},
      {"maxvit_xlarge_tf_", {192, 384, 768, 1536}, {2, 6, 14, 2}, {192, 192}, 1536},
  };
  return *kModels;
}

// The two styles of timm's models.
void ApplyStyle(MaxVitConfig& config) {
  if (absl::StrContains(config.architecture, "_tf_")) {
    config.stem_bias = true;
    config.same_padding = true;
    config.conv_activation = config.activation = Activation::kGeluTanh;
    config.batch_norm_epsilon = 1e-3;
    config.norm_epsilon = 1e-5;
    config.heads_first = false;
    config.bias = MaxVitBias::kTensorFlowTable;
  } else {
    config.expand_output = false;
    config.output_bias = false;
    config.squeeze_ratio = 1.0 / 16;
    config.conv_activation = Activation::kSilu;
    if (absl::StrContains(config.architecture, "_rmlp_")) config.bias = MaxVitBias::kNetwork;
  }
}

void ReadActivation(ConfigFields& fields, const char* name, Activation& activation) {
  std::string text;
  fields.Text(name, text);
  if (text.empty()) return;
  const auto known = ParseActivation(text == "gelu_tanh" ? "gelu_pytorch_tanh" : text);
  if (known.ok()) {
    activation = *known;
  } else {
    fields.Fail(name, known.status().message());
  }
}

// Settings that only have one value here.
struct Fixed {
  const char* name;
  const char* value;  // as JSON
};
constexpr Fixed kFixed[] = {
    {"global_pool", "\"avg\""},
    {"conv_block_type", "\"mbconv\""},
    {"conv_kernel_size", "3"},
    {"conv_group_size", "1"},
    {"conv_pre_norm_act", "false"},
    {"conv_stride_mode", "\"dw\""},
    {"conv_pool_type", "\"avg2\""},
    {"conv_attn_early", "false"},
    {"conv_attn_layer", "\"se\""},
    {"conv_attn_act_layer", "\"silu\""},
    {"conv_norm_layer", "\"batchnorm2d\""},
    {"transformer_no_block_attn", "false"},
    {"transformer_use_nchw_attn", "false"},
    {"transformer_norm_layer", "\"layernorm2d\""},
    {"transformer_norm_layer_cl", "\"layernorm\""},
};

absl::Status CheckFixed(const ConfigFields& fields, const std::string& where) {
  for (const Fixed& fixed : kFixed) {
    const Json* field = fields.Find(fixed.name);
    if (field != nullptr && field->dump() != fixed.value && *field != "") {
      return absl::UnimplementedError(absl::StrCat(where, ": model_args: ", fixed.name, " is ",
                                                   field->dump(), "; only ", fixed.value,
                                                   " is known"));
    }
  }
  const Json* types = fields.Find("block_type");
  if (types == nullptr || !types->is_array()) return absl::OkStatus();
  for (const Json& type : *types) {
    if (type != "M") {
      return absl::UnimplementedError(absl::StrCat(where, ": block_type ", type.dump(),
                                                   "; only \"M\", MaxViT's own, is known"));
    }
  }
  return absl::OkStatus();
}

void ReadConvolution(ConfigFields& fields, MaxVitConfig& config) {
  std::string padding = config.same_padding ? "same" : "";
  fields.Number("conv_expand_ratio", config.expand_ratio);
  fields.Flag("conv_expand_output", config.expand_output);
  fields.Flag("conv_output_bias", config.output_bias);
  fields.Number("conv_attn_ratio", config.squeeze_ratio);
  fields.Number("conv_norm_eps", config.batch_norm_epsilon);
  fields.Text("conv_padding", padding);
  ReadActivation(fields, "conv_act_layer", config.conv_activation);
  if (padding != "same" && !padding.empty()) fields.Fail("conv_padding", "is neither '' nor same");
  config.same_padding = padding == "same";
}

void ReadAttention(ConfigFields& fields, MaxVitConfig& config) {
  fields.Size("transformer_dim_head", 1, config.head_size);
  fields.Flag("transformer_head_first", config.heads_first);
  fields.Number("transformer_expand_ratio", config.mlp_ratio);
  fields.Size("transformer_rel_pos_dim", 1, config.bias_hidden_size);
  fields.Flag("transformer_attn_bias", config.attention_bias);
  fields.Number("transformer_norm_eps", config.norm_epsilon);
  ReadActivation(fields, "transformer_act_layer", config.activation);
  if (const Json* scale = fields.Find("transformer_init_values"); scale != nullptr) {
    config.has_layer_scale = scale->is_number() && *scale != 0;
  }
  std::string bias;
  fields.Text("transformer_rel_pos_type", bias);
  if (bias == "bias") config.bias = MaxVitBias::kTable;
  if (bias == "bias_tf") config.bias = MaxVitBias::kTensorFlowTable;
  if (bias == "mlp") config.bias = MaxVitBias::kNetwork;
  const bool names_bias = fields.Find("transformer_rel_pos_type") != nullptr;
  if (names_bias && (bias.empty() || bias == "none")) config.bias = MaxVitBias::kNone;
  if (!bias.empty() && bias != "bias" && bias != "bias_tf" && bias != "mlp" && bias != "none") {
    fields.Fail("transformer_rel_pos_type", "is none of bias, bias_tf, mlp");
  }
  int32_t ratio = 32;
  fields.Size("transformer_partition_ratio", 1, ratio);
  config.window = {config.image.height / ratio, config.image.width / ratio};
  auto height = static_cast<int32_t>(config.window.height);
  auto width = static_cast<int32_t>(config.window.width);
  fields.SizePair("transformer_window_size", 1, height, width);
  config.window = config.grid = {height, width};
  if (fields.Find("transformer_window_size") == nullptr) return;  // then a grid has no say, either
  fields.SizePair("transformer_grid_size", 1, height, width);
  config.grid = {height, width};
}

absl::Status Check(ConfigFields& fields, const MaxVitConfig& config) {
  const size_t stages = config.depths.size();
  if (stages < 1 || stages > 8) fields.Fail("depths", "must name 1 to 8 stages");
  if (config.channels.size() != stages) fields.Fail("embed_dim", "is not one for each stage");
  if (std::accumulate(config.depths.begin(), config.depths.end(), int64_t{0}) > 1000) {
    fields.Fail("depths", "add up to more than 1000 blocks");
  }
  for (int32_t channels : config.channels) {
    if (channels > 1 << 16 || channels % config.head_size != 0) {
      fields.Fail("embed_dim", absl::StrCat("has ", channels,
                                            ", which is no multiple of the head "
                                            "size ",
                                            config.head_size, " or is above 65536"));
    }
  }
  if (config.stem[0] > 1 << 16 || config.stem[1] > 1 << 16) {
    fields.Fail("stem_width", "is above 65536");
  }
  const auto in_range = [](double ratio) { return ratio > 0 && ratio <= 64; };
  if (!in_range(config.expand_ratio) || !in_range(config.mlp_ratio)) {
    fields.Fail("conv_expand_ratio", "and transformer_expand_ratio must be in 0..64");
  }
  if (!(config.squeeze_ratio > 0 && config.squeeze_ratio <= 4)) {
    fields.Fail("conv_attn_ratio", "must be in 0..4");
  }
  if (!(config.norm_epsilon > 0) || !(config.batch_norm_epsilon > 0)) {
    fields.Fail("conv_norm_eps", "and transformer_norm_eps must be above 0");
  }
  for (const Extent& part : {config.window, config.grid}) {
    if (part.height < 1 || part.width < 1 || part.area() > kMaxWindowTokens) {
      fields.Fail("transformer_window_size",
                  "or the image size makes windows of no token, or of "
                  "more than 4096");
    }
  }
  return fields.status();
}

}  // namespace

int64_t MaxVitConfig::ChannelsIn(int32_t stage, int32_t block) const {
  if (block > 0) return channels[static_cast<size_t>(stage)];
  return stage > 0 ? channels[static_cast<size_t>(stage) - 1] : stem[1];
}

int64_t MaxVitConfig::InnerWidth(int32_t stage, int32_t block) const {
  // Rounded to a multiple of 8 that is not below 90 %.
  const auto base = static_cast<double>(expand_output ? channels[static_cast<size_t>(stage)]
                                                      : ChannelsIn(stage, block));
  const double wanted = base * expand_ratio;
  int64_t width = std::max<int64_t>(8, static_cast<int64_t>(wanted + 4) / 8 * 8);
  if (static_cast<double>(width) < 0.9 * wanted) width += 8;
  return width;
}

int64_t MaxVitConfig::SqueezedWidth(int32_t stage, int32_t block) const {
  const int64_t base =
      expand_output ? channels[static_cast<size_t>(stage)] : InnerWidth(stage, block);
  return static_cast<int64_t>(squeeze_ratio * static_cast<double>(base));
}

absl::StatusOr<MaxVitConfig> ParseMaxVitConfig(const std::string& json, const std::string& where) {
  const ConfigFields root(json, where);
  if (!root.status().ok()) return root.status();
  MaxVitConfig config;
  const Json* architecture = root.Find("architecture");
  if (architecture != nullptr && architecture->is_string()) {
    config.architecture = architecture->get<std::string>();
  }
  const KnownModel* known = nullptr;
  for (const KnownModel& model : KnownModels()) {
    if (absl::StartsWith(config.architecture, model.name)) known = &model;
  }
  if (known == nullptr) {
    return absl::UnimplementedError(absl::StrCat(where, ": architecture '", config.architecture,
                                                 "' is none of timm's maxvit_*_tf_* and "
                                                 "maxvit_*_rw_*"));
  }
  config.channels = known->channels;
  config.depths = known->depths;
  config.stem = known->stem;
  config.head_hidden_size = known->head_hidden_size;
  config.has_layer_scale = known->has_layer_scale;
  ApplyStyle(config);
  int32_t height = 224, width = 224, size = 0;
  if (absl::SimpleAtoi(config.architecture.substr(config.architecture.rfind('_') + 1), &size) &&
      size > 0) {
    height = width = size;
  }
  ConfigFields fields = root.Within("model_args");
  if (absl::Status status = CheckFixed(fields, where); !status.ok()) return status;
  fields.Size("in_chans", 1, config.num_channels);
  fields.SizePair("img_size", 1, height, width);
  config.image = {height, width};
  fields.Sizes("embed_dim", 1, config.channels);
  fields.Sizes("depths", 1, config.depths);
  fields.SizePair("stem_width", 1, config.stem[0], config.stem[1]);
  fields.Flag("stem_bias", config.stem_bias);
  fields.Size("head_hidden_size", 0, config.head_hidden_size);
  ReadConvolution(fields, config);
  ReadAttention(fields, config);
  if (absl::Status status = Check(fields, config); !status.ok()) return status;
  ReadTimmLabels(root, config.labels);
  return config;
}

}  // namespace strata::models
