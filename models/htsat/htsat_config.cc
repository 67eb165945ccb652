#include "models/htsat/htsat_config.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/config_fields.h"

namespace strata::models {

absl::StatusOr<HtsatConfig> ParseHtsatConfig(const std::string& json, const std::string& where) {
  HtsatConfig config;
  config.swin.window = 8;
  config.swin.num_heads = {4, 8, 16, 32};
  ConfigFields fields(json, where);
  fields.Size("classes_num", 1, config.classes_num);
  fields.Size("sample_rate", 1, config.mel.sample_rate);
  fields.Size("window_size", 2, config.mel.n_fft);
  fields.Size("hop_size", 1, config.mel.hop);
  fields.Size("mel_bins", 1, config.mel.num_mels);
  fields.Number("fmin", config.mel.min_frequency);
  fields.Number("fmax", config.mel.max_frequency);
  int32_t spec_size = 256, window = 8, dim = 96;
  fields.Size("htsat_spec_size", 1, spec_size);
  fields.Size("htsat_window_size", 1, window);
  fields.Size("htsat_patch_size", 1, config.patch_size);
  fields.Size("htsat_dim", 1, dim);
  std::vector<int32_t> stride = {4, 4};
  fields.Sizes("htsat_stride", 1, stride);
  fields.Sizes("htsat_depth", 1, config.swin.depths);
  fields.Sizes("htsat_num_head", 1, config.swin.num_heads);
  fields.Flag("enable_tscam", config.enable_tscam);
  fields.Flag("enable_repeat_mode", config.enable_repeat_mode);
  fields.Flag("htsat_attn_heatmap", config.attn_heatmap);
  bool ignored = false;
  fields.Flag("htsat_hier_output", ignored);
  fields.Flag("htsat_use_max", ignored);
  std::string loss = "clip_bce", norm = "ln";
  fields.Text("loss_type", loss);
  // Arguments of the model's class that config.py has no word for.
  fields.Flag("ape", config.absolute_positions);
  fields.Flag("qkv_bias", config.swin.qkv_bias);
  fields.Number("mlp_ratio", config.swin.mlp_ratio);
  fields.Text("norm_before_mlp", norm);
  fields.Labels(config.labels);
  if (!fields.status().ok()) return fields.status();

  if (stride.size() != 2) {
    fields.Fail("htsat_stride", "is not a pair: frequency, time");
    return fields.status();
  }
  config.stride = {stride[0], stride[1]};
  if (norm == "bn") {
    return absl::UnimplementedError(absl::StrCat(
        where, ": norm_before_mlp \"bn\" makes a fresh BatchNorm on every call and cannot serve"));
  }
  if (norm != "ln") fields.Fail("norm_before_mlp", absl::StrCat("is '", norm, "', not ln"));
  config.image = {spec_size, config.mel.num_mels};
  config.swin.window = window;
  config.swin.embed_dim = dim;
  config.swin.grid_height = config.grid(0);
  config.swin.grid_width = config.grid(1);
  config.single_label = config.enable_tscam && loss == "clip_ce";
  if (!config.labels.empty() && static_cast<int32_t>(config.labels.size()) != config.classes_num) {
    fields.Fail("id2label", absl::StrCat("names ", config.labels.size(),
                                         " classes, classes_num is ", config.classes_num));
  }
  if (!fields.status().ok()) return fields.status();
  for (const absl::Status& status :
       {CheckMelSpectrogramSpec(config.mel, where), CheckSpectrogramImageSpec(config.image, where),
        CheckSwinSpec(config.swin, where)}) {
    if (!status.ok()) return status;
  }
  for (int axis = 0; axis < 2; ++axis) {
    const int32_t step = config.stride[static_cast<size_t>(axis)];
    // A convolution of this stride, padded by half of what a patch reaches over, gives this many.
    const int64_t patches =
        config.patch_size < step
            ? 0
            : (spec_size + (config.patch_size - step) / 2 * 2 - config.patch_size) / step + 1;
    if (patches != config.grid(axis)) {
      fields.Fail("htsat_stride", absl::StrCat("of ", step, " with patches of ", config.patch_size,
                                               " does not cover an image of ", spec_size));
      return fields.status();
    }
    int64_t side = config.grid(axis);
    for (int64_t i = 0; i < config.swin.num_stages(); ++i) {
      const int64_t other = config.grid(1 - axis) >> i;
      const int64_t used = std::min<int64_t>({window, side, other});
      if (side % used != 0 || (i + 1 < config.swin.num_stages() && side % 2 != 0)) {
        fields.Fail("htsat_spec_size",
                    absl::StrCat("of ", spec_size, " gives stage ", i, " a side of ", side,
                                 " patches, which windows of ", used, " or halving do not divide"));
        return fields.status();
      }
      side /= 2;
    }
  }
  if (config.last_grid(0) % config.image.ratio() != 0) {
    fields.Fail("htsat_spec_size", absl::StrCat("leaves ", config.last_grid(0), " rows for ",
                                                config.image.ratio(), " stretches of time"));
  }
  if (config.enable_repeat_mode && config.image.ratio() != 4) {
    fields.Fail("enable_repeat_mode",
                absl::StrCat("needs 4 mel_bins to a htsat_spec_size, here ", config.image.ratio()));
  }
  if (!fields.status().ok()) return fields.status();
  return config;
}

}  // namespace strata::models
