// HTS-AT behind the engine's interface for sounds.
#ifndef STRATA_MODELS_HTSAT_HTSAT_ENCODER_H_
#define STRATA_MODELS_HTSAT_HTSAT_ENCODER_H_

#include "models/layers/audio_encoder.h"

namespace strata::models {

// model_type "htsat". A window is what the folded image takes at the configured rate (10.24 s of
// AudioSet's); shorter sounds are stretched, as the reference does in evaluation.
absl::StatusOr<std::unique_ptr<const AudioEncoder>> LoadHtsatEncoder(
    const std::string& config_json, const std::string& preprocessor_json, const TensorMap& weights,
    const std::string& folder);

}  // namespace strata::models

#endif  // STRATA_MODELS_HTSAT_HTSAT_ENCODER_H_
