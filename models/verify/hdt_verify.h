// Golden cases of the HDT family.
#ifndef STRATA_MODELS_VERIFY_HDT_VERIFY_H_
#define STRATA_MODELS_VERIFY_HDT_VERIFY_H_

#include "absl/status/status.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// Classes HDTEncoderModel, HDTEncoderForPreTraining and HDTForConditionalGeneration, forward and
// training cases.
absl::Status VerifyHdt(const GoldenCase& golden, Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_HDT_VERIFY_H_
