// A sound on its way through an audio model, behind the engine's interface.
#ifndef STRATA_MODELS_ENGINE_SOUND_SESSION_H_
#define STRATA_MODELS_ENGINE_SOUND_SESSION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/engine/audio_model.h"
#include "models/engine/engine.h"

namespace strata::models {

// `request` was checked; `feed` as in Engine::OpenSound. Errors: WaveformReader::Open.
absl::StatusOr<std::unique_ptr<SoundSession>> OpenSoundSession(
    std::shared_ptr<const AudioModel> model, std::string bytes, std::shared_ptr<ByteFeed> feed,
    const AudioReadOptions& read, const TaskRequest& request);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_SOUND_SESSION_H_
