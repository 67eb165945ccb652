// CLAP's audio tower: a Swin transformer over a folded log-mel spectrogram, one vector for a sound.
//
// Paper: Large-scale Contrastive Language-Audio Pretraining (arXiv 2211.06687). Reference:
// transformers 5, ClapAudioModelWithProjection.
#ifndef STRATA_MODELS_CLAP_CLAP_AUDIO_H_
#define STRATA_MODELS_CLAP_CLAP_AUDIO_H_

#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"
#include "models/clap/clap_audio_weights.h"

namespace strata::models {

struct ClapAudioOutput {
  at::Tensor patch_embeddings;   // [B, patches, C0]
  at::Tensor last_hidden_state;  // [B, C, c, time]: rows of a stretch, moments in order
  at::Tensor pooled;             // [B, C]
  at::Tensor embedding;  // [B, projection_dim], not normalised; undefined without projection
};

struct ClapAudioForwardOptions {
  std::function<bool()> cancelled;     // asked between blocks
  at::Tensor* folded_image = nullptr;  // may be null; gets [B, planes, S, S]
};

// Immutable after construction unless it is being trained; forward passes are thread-safe.
class ClapAudio {
 public:
  ClapAudio(ClapAudioConfig config, bool has_projection, ClapAudioWeights weights)
      : config_(std::move(config)), has_projection_(has_projection), weights_(std::move(weights)) {}

  // From the file of an audio tower or of a whole CLAP. The projection is there if the checkpoint
  // has it. INVALID_ARGUMENT names the key.
  static absl::StatusOr<ClapAudio> Load(const ClapAudioConfig& config, const TensorMap& checkpoint,
                                        const std::string& where);

  const ClapAudioConfig& config() const { return config_; }
  bool has_projection() const { return has_projection_; }
  ClapAudioWeights& weights() { return weights_; }

  // features [B, planes, T, num_mel_bins]: 4 planes with fusion, else 1. `is_longer`: the clips
  // whose stretches are fused in. INVALID_ARGUMENT: other planes or bands. RESOURCE_EXHAUSTED: T
  // beyond the image. CANCELLED.
  absl::StatusOr<ClapAudioOutput> Forward(const at::Tensor& features,
                                          const std::vector<bool>& is_longer,
                                          const ClapAudioForwardOptions& options = {}) const;

 private:
  at::Tensor EmbedPatches(const at::Tensor& images, const std::vector<bool>& is_longer) const;
  at::Tensor Fuse(const at::Tensor& whole, const at::Tensor& stretches) const;

  ClapAudioConfig config_;
  bool has_projection_;
  ClapAudioWeights weights_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_CLAP_CLAP_AUDIO_H_
