// Golden cases of HDT's encoder-decoder.
#ifndef STRATA_MODELS_VERIFY_HDT_GENERATION_VERIFY_H_
#define STRATA_MODELS_VERIFY_HDT_GENERATION_VERIFY_H_

#include "absl/status/status.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// Class HDTForConditionalGeneration: teacher-forced logits and loss ("decoder_input_ids" or
// "labels" in the input), training cases, greedy decoding ("steps"), generate()
// ("generate_arguments", over the configuration's own generation settings).
absl::Status VerifyHdtGeneration(const GoldenCase& golden, Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_HDT_GENERATION_VERIFY_H_
