// A model folder of an image architecture as an engine: decoded, prepared and computed in batches.
#ifndef STRATA_MODELS_ENGINE_IMAGE_ENGINE_H_
#define STRATA_MODELS_ENGINE_IMAGE_ENGINE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/engine/engine.h"
#include "models/layers/image_encoder.h"

namespace strata::models {

// `folder`: config.json (given as text, too), weights, preprocessor_config.json where the
// checkpoint has one. `name` is what `loader` was found by.
absl::StatusOr<std::shared_ptr<const Engine>> LoadImageEngine(const std::string& folder,
                                                              const std::string& config_json,
                                                              const std::string& name,
                                                              ImageEncoderLoader loader);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_IMAGE_ENGINE_H_
