// Golden cases of CLAP's audio tower.
#ifndef STRATA_MODELS_VERIFY_CLAP_VERIFY_H_
#define STRATA_MODELS_VERIFY_CLAP_VERIFY_H_

#include "absl/status/status.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// model_type "clap_audio_model": the model from the case's features, the features from its encoded
// files with the numbers that the reference drew, and the model from those.
absl::Status VerifyClapAudio(const GoldenCase& golden, Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_CLAP_VERIFY_H_
