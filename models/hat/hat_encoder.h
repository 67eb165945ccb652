// HAT behind the engine's interface.
#ifndef STRATA_MODELS_HAT_HAT_ENCODER_H_
#define STRATA_MODELS_HAT_HAT_ENCODER_H_

#include "models/layers/encoder.h"

namespace strata::models {

// model_type "hierarchical-transformer". `tokenizer` must outlive the encoder. The heads are those
// that the checkpoint holds; a document is classified if it has pooler and classifier.
absl::StatusOr<std::unique_ptr<const Encoder>> LoadHatEncoder(
    const std::string& config_json, const TensorMap& weights, const Tokenizer& tokenizer,
    const std::function<bool(const std::string&)>& is_head_key, const std::string& folder,
    kernels::WeightType type);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_ENCODER_H_
