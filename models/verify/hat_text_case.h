// The text part of HAT's golden cases: texts in, the reference tokenizer's padded rows out.
#ifndef STRATA_MODELS_VERIFY_HAT_TEXT_CASE_H_
#define STRATA_MODELS_VERIFY_HAT_TEXT_CASE_H_

#include "absl/status/status.h"
#include "models/hat/hat_config.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// Makes input_ids and attention_mask from case.json's "texts" by the rules of HATTokenizer
// (uniform cut, grouping of the "sentences", given segments, text_pair) and compares them exactly.
// OK and nothing compared if the case gives no texts. UNIMPLEMENTED: a tokenizer argument that is
// not known, grouping without "sentences".
absl::Status CompareHatTexts(const GoldenCase& golden, const HatConfig& config,
                             Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_HAT_TEXT_CASE_H_
