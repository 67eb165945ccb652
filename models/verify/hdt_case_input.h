// The reference's padded rows (keep, hash, position ids) as anchored sequences.
#ifndef STRATA_MODELS_VERIFY_HDT_CASE_INPUT_H_
#define STRATA_MODELS_VERIFY_HDT_CASE_INPUT_H_

#include <ATen/ATen.h>

#include <vector>

#include "absl/status/statusor.h"
#include "models/batch/anchored_sequence.h"
#include "models/batch/packed_batch.h"
#include "models/hdt/hdt_config.h"
#include "models/verify/golden_case.h"

namespace strata::models {

struct HdtCaseInput {
  std::vector<AnchoredSequence> sequences;  // one a row; padding left out unless it is attended to
  at::Tensor real;                          // [B, n] bool: rows that count
  std::vector<int64_t> num_padding;         // rows left out, behind each sequence
  int64_t padded_length = 0;                // n
};

// `hides_padding`: a flat model's tokens do not see it. INVALID_ARGUMENT: rows that are no tree of
// document, sections and sentences. UNIMPLEMENTED: a flat model's attention mask that hides others.
absl::StatusOr<HdtCaseInput> ReadHdtCaseInput(const GoldenCase& golden, const HdtConfig& config,
                                              bool hides_padding);

// All of them as one batch.
absl::StatusOr<PackedBatch> PackInput(const HdtCaseInput& input);

// Packed rows [T, ...] back in the reference's layout [B, n, ...], zeros elsewhere.
at::Tensor Unpack(const at::Tensor& packed, const HdtCaseInput& input);

// The same sequences made from the case's texts by its tokenizer; compares ids and positions.
// OK and nothing compared if the case gives no documents.
absl::Status CompareHdtTexts(const GoldenCase& golden, const HdtCaseInput& input,
                             Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_HDT_CASE_INPUT_H_
