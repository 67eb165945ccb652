// A model folder of an architecture for sounds as an engine.
#ifndef STRATA_MODELS_ENGINE_AUDIO_ENGINE_H_
#define STRATA_MODELS_ENGINE_AUDIO_ENGINE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/engine/audio_model.h"
#include "models/engine/engine.h"

namespace strata::models {

// Errors: AudioModel::Load.
absl::StatusOr<std::shared_ptr<const Engine>> LoadAudioEngine(const std::string& folder);
// Over a model that is there already.
std::shared_ptr<const Engine> MakeAudioEngine(std::shared_ptr<const AudioModel> model);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_AUDIO_ENGINE_H_
