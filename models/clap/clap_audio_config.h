// The configuration of CLAP's audio tower, with the field names of transformers' config.json.
//
// Source: ClapAudioConfig of transformers 5; defaults are that class's.
#ifndef STRATA_MODELS_CLAP_CLAP_AUDIO_CONFIG_H_
#define STRATA_MODELS_CLAP_CLAP_AUDIO_CONFIG_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "models/layers/spectrogram_image.h"
#include "models/layers/swin_trunk.h"

namespace strata::models {

struct ClapAudioConfig {
  SpectrogramImageSpec image;  // spec_size, num_mel_bins
  SwinSpec swin;               // patch_embeds_hidden_size, depths, heads, window_size, …
  std::array<int32_t, 2> patch_size = {4, 4}, patch_stride = {4, 4};  // frequency, time
  bool patch_norm = true;                                             // enable_patch_layer_norm
  bool enable_fusion = false;
  int32_t fusion_reduction = 4;  // aff_block_r
  int32_t projection_dim = 512;
  Activation projection_activation = Activation::kRelu;

  int64_t hidden_size() const { return swin.channels(swin.num_stages() - 1); }
  int64_t patch_padding(int axis) const {
    const auto i = static_cast<size_t>(axis);
    return (patch_size[i] - patch_stride[i]) / 2;
  }
  int64_t grid(int axis) const { return image.size / patch_stride[static_cast<size_t>(axis)]; }
};

// The file of an audio tower (model_type "clap_audio_model"), or of a whole CLAP (model_type
// "clap"), whose audio_config counts. INVALID_ARGUMENT names the field. UNIMPLEMENTED: settings
// with which the reference itself fails: fusion_type "channel_map", flatten_patch_embeds false,
// more than one input channel. `where` stands in front of messages.
absl::StatusOr<ClapAudioConfig> ParseClapAudioConfig(const std::string& json,
                                                     const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_CLAP_CLAP_AUDIO_CONFIG_H_
