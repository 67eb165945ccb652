// What the engine asks of an architecture for sounds: a forward pass over waveforms.
#ifndef STRATA_MODELS_LAYERS_AUDIO_ENCODER_H_
#define STRATA_MODELS_LAYERS_AUDIO_ENCODER_H_

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"
#include "models/media/resampler.h"

namespace strata::models {

// Sizes that a user is shown, and how a sound is prepared.
struct AudioEncoderInfo {
  int32_t hidden_size = 0;          // C, of `pooled`
  int32_t num_layers = 0;           // blocks of all stages
  int32_t num_classes = 0;          // K; 0: no classification head
  std::vector<std::string> labels;  // K of them; empty if the checkpoint names none
  std::string architecture;
  int32_t sample_rate = 0;  // Hz, one channel
  ResampleMethod resampling = ResampleMethod::kSoxrHq;
  int64_t window_samples = 0;  // what one pass looks at
  int64_t min_samples = 1;     // fewer cannot be looked at
  // Sounds of more than window_samples are cut or condensed by the encoder itself; otherwise they
  // are refused.
  bool takes_any_length = false;
  bool single_label = false;  // scores are of one class out of all, and sum to 1
};

// B sounds. Undefined where the architecture has no such thing.
struct AudioFeatures {
  at::Tensor tokens;        // [B, M, D]: M moments in order of time, equal parts of the sound
  at::Tensor pooled;        // [B, C]
  at::Tensor scores;        // [B, K]: probabilities
  at::Tensor frame_scores;  // [B, M, K]: probabilities
};

// Thread-safe; immutable.
class AudioEncoder {
 public:
  virtual ~AudioEncoder() = default;
  virtual const AudioEncoderInfo& info() const = 0;
  // `sounds`: [samples] float32 each, of any lengths that info() allows, in one pass.
  // INVALID_ARGUMENT and RESOURCE_EXHAUSTED: too short or too long. CANCELLED. `cancelled` (may be
  // null) is asked between blocks.
  virtual absl::StatusOr<AudioFeatures> Forward(const std::vector<at::Tensor>& sounds,
                                                const std::function<bool()>& cancelled) const = 0;
};

// Makes an encoder from a model folder's parts. `preprocessor_json` is the content of
// preprocessor_config.json, empty where there is none; `folder` stands in front of messages.
using AudioEncoderLoader = absl::StatusOr<std::unique_ptr<const AudioEncoder>> (*)(
    const std::string& config_json, const std::string& preprocessor_json, const TensorMap& weights,
    const std::string& folder);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_AUDIO_ENCODER_H_
