// The weights of CLAP's audio tower and the table that ties them to the checkpoint's names.
#ifndef STRATA_MODELS_CLAP_CLAP_AUDIO_WEIGHTS_H_
#define STRATA_MODELS_CLAP_CLAP_AUDIO_WEIGHTS_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "models/clap/clap_audio_config.h"
#include "models/layers/linear.h"
#include "models/layers/spectrogram_image.h"
#include "models/layers/swin_trunk.h"
#include "models/layers/weight_table.h"

namespace strata::models {

// Before the names of the tower's tensors in the files of ClapModel and
// ClapAudioModelWithProjection.
inline constexpr char kClapAudioPrefix[] = "audio_model.audio_encoder.";

// 1×1 convolution, norm, ReLU, 1×1 convolution, norm: [I, C0, 1, 1], then [C0, I, 1, 1], I = C0 /
// aff_block_r.
struct ClapFusionAttention {
  Linear inner, outer;
  BatchNorm inner_norm, outer_norm;
};

// C0 = patch_embeds_hidden_size, C = hidden_size, P = projection_dim. All float32.
struct ClapAudioWeights {
  BatchNorm batch_norm;  // [num_mel_bins]
  Linear patch;          // [C0, 1, patch, patch]
  Norm patch_norm;       // [C0]; with enable_patch_layer_norm
  Linear wide_patch;     // [C0, 1, patch, 3·patch]; this and the next two with enable_fusion
  ClapFusionAttention local_attention, global_attention;
  std::vector<SwinStage> stages;
  Norm norm;                             // [C]
  Linear projection_in, projection_out;  // [P, C], [P, P]
};

// Freshly initialised: normal(0, 0.02) matrices, norms 1, biases 0.
ClapAudioWeights InitialClapAudioWeights(const ClapAudioConfig& config);

// `prefix` of the tower's names; those of the projection are "audio_projection.…". The tensors must
// outlive the table and need not be allocated; the stages must be there.
std::vector<WeightEntry> ClapAudioWeightTable(const ClapAudioConfig& config, bool has_projection,
                                              const std::string& prefix, ClapAudioWeights& weights);

// Buffers, and what belongs to the text side of a whole CLAP.
bool IsIgnoredClapAudioKey(const std::string& key);

}  // namespace strata::models

#endif  // STRATA_MODELS_CLAP_CLAP_AUDIO_WEIGHTS_H_
