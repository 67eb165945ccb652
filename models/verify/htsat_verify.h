// Golden cases of the HTS-AT family.
#ifndef STRATA_MODELS_VERIFY_HTSAT_VERIFY_H_
#define STRATA_MODELS_VERIFY_HTSAT_VERIFY_H_

#include "absl/status/status.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// model_type "htsat": from the waveform that the case gives and again from its encoded file.
absl::Status VerifyHtsat(const GoldenCase& golden, Comparison& comparison);
// model_type "htsat_frontend": the log-mel spectrogram alone, of both resamplers.
absl::Status VerifyHtsatFrontend(const GoldenCase& golden, Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_HTSAT_VERIFY_H_
