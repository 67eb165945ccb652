// Golden cases of the HAT family.
#ifndef STRATA_MODELS_VERIFY_HAT_VERIFY_H_
#define STRATA_MODELS_VERIFY_HAT_VERIFY_H_

#include "absl/status/status.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// All classes that run in the reference, forward, training and text cases; also
// HATForTokenClassification, HATForQuestionAnswering, HATModelForDocumentRepresentation and
// HATModelForMaskedSentenceRepresentation as they were meant. UNIMPLEMENTED names a class, a
// constructor argument or a loader option that is not done.
absl::Status VerifyHat(const GoldenCase& golden, Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_HAT_VERIFY_H_
