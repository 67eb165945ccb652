// HDT behind the engine's interface.
#ifndef STRATA_MODELS_HDT_HDT_ENCODER_H_
#define STRATA_MODELS_HDT_HDT_ENCODER_H_

#include "models/layers/encoder.h"

namespace strata::models {

// model_type "hdt" or "hed". `tokenizer` must outlive the encoder.
absl::StatusOr<std::unique_ptr<const Encoder>> LoadHdtEncoder(
    const std::string& config_json, const TensorMap& weights, const Tokenizer& tokenizer,
    const std::function<bool(const std::string&)>& is_head_key, const std::string& folder,
    kernels::WeightType type);

}  // namespace strata::models

#endif  // STRATA_MODELS_HDT_HDT_ENCODER_H_
