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
  // One a row. A flat model's padding is among the tokens: it attends to the document.
  std::vector<AnchoredSequence> sequences;
  at::Tensor real;                   // [B, n] bool: rows that count
  std::vector<int64_t> num_padding;  // rows left out, behind each sequence
  at::Tensor hidden;                 // flat mode with a mask: [T] bool, tokens none sees
  int64_t padded_length = 0;         // n
};

// `attention_mask` [B, n], 0: not attended to; undefined: all are. Only a flat model reads it.
// INVALID_ARGUMENT: rows that are no tree of document, sections and sentences, a mask of another
// shape.
absl::StatusOr<HdtCaseInput> ReadHdtCaseInput(const GoldenCase& golden, const HdtConfig& config,
                                              const at::Tensor& attention_mask);

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
