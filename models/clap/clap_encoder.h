// CLAP's audio tower behind the engine's interface for sounds.
#ifndef STRATA_MODELS_CLAP_CLAP_ENCODER_H_
#define STRATA_MODELS_CLAP_CLAP_ENCODER_H_

#include "models/layers/audio_encoder.h"

namespace strata::models {

// model_type "clap_audio_model", or "clap", of which the audio side is taken. Needs
// preprocessor_config.json. Where the reference draws a place, the middle is taken; a sound's
// vector does not depend on what else is in the batch. Not normalised.
absl::StatusOr<std::unique_ptr<const AudioEncoder>> LoadClapAudioEncoder(
    const std::string& config_json, const std::string& preprocessor_json, const TensorMap& weights,
    const std::string& folder);

}  // namespace strata::models

#endif  // STRATA_MODELS_CLAP_CLAP_ENCODER_H_
