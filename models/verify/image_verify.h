// Golden cases of image models.
#ifndef STRATA_MODELS_VERIFY_IMAGE_VERIFY_H_
#define STRATA_MODELS_VERIFY_IMAGE_VERIFY_H_

#include "absl/status/status.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// Runs the case twice: from its pixel_values, and (outputs "file.…") from its encoded files through
// our own decoding and preprocessing. Decoded and resized pixels are compared, too.
absl::Status VerifyImage(const GoldenCase& golden, Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_IMAGE_VERIFY_H_
