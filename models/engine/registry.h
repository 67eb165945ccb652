// The architectures that this build knows, by the model_type of config.json.
#ifndef STRATA_MODELS_ENGINE_REGISTRY_H_
#define STRATA_MODELS_ENGINE_REGISTRY_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/layers/audio_encoder.h"
#include "models/layers/encoder.h"
#include "models/layers/image_encoder.h"

namespace strata::models {

// Of documents, of sounds. UNIMPLEMENTED lists the known types.
absl::StatusOr<EncoderLoader> FindEncoderLoader(const std::string& model_type);
absl::StatusOr<AudioEncoderLoader> FindAudioEncoderLoader(const std::string& model_type);

// Of an image model: by model_type, or by the beginning of timm's architecture. Null: none.
ImageEncoderLoader FindImageEncoderLoader(const std::string& name);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_REGISTRY_H_
