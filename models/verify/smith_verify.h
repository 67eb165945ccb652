// Golden cases of SMITH.
#ifndef STRATA_MODELS_VERIFY_SMITH_VERIFY_H_
#define STRATA_MODELS_VERIFY_SMITH_VERIFY_H_

#include "absl/status/status.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// Pairs of documents as the reference's padded rows: input_ids_N and input_mask_N, N = 1, 2, of
// [B, max_doc_length_by_sentence · max_sent_length_by_word]; documents_match_labels [B] where a
// loss is expected.
absl::Status VerifySmith(const GoldenCase& golden, Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_SMITH_VERIFY_H_
