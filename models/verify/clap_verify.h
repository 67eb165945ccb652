// Golden cases of CLAP: its towers and the whole.
#ifndef STRATA_MODELS_VERIFY_CLAP_VERIFY_H_
#define STRATA_MODELS_VERIFY_CLAP_VERIFY_H_

#include "absl/status/status.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// model_type "clap_audio_model": the model from the case's features, the features from its encoded
// files with the numbers that the reference drew, and the model from those.
absl::Status VerifyClapAudio(const GoldenCase& golden, Comparison& comparison);
// model_type "clap_text_model": from token ids and attention mask.
absl::Status VerifyClapText(const GoldenCase& golden, Comparison& comparison);
// model_type "clap": the normalised vectors of both sides and both tables of scores.
absl::Status VerifyClap(const GoldenCase& golden, Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_CLAP_VERIFY_H_
