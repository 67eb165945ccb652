// The reference's padded rows as HAT's documents, and values of rows back in the padded layout.
#ifndef STRATA_MODELS_VERIFY_HAT_CASE_INPUT_H_
#define STRATA_MODELS_VERIFY_HAT_CASE_INPUT_H_

#include <ATen/ATen.h>

#include <vector>

#include "absl/status/statusor.h"
#include "models/hat/hat_batch.h"
#include "models/verify/golden_case.h"

namespace strata::models {

struct HatCaseInput {
  HatBatch batch;
  std::vector<int64_t> shape;  // of input_ids: [B, n], or [B, choices, n]
  at::Tensor real;             // [rows, n] bool: tokens that are attended to
  int64_t num_rows = 0;        // documents of the batch: B, or B · choices
  int64_t length = 0;          // n = N · k
};

// Reads input_ids and, where the case has them, attention_mask, token_type_ids and position_ids;
// their names may carry `prefix`. `reads_last`: pooling `last` will be asked for.
absl::StatusOr<HatCaseInput> ReadHatCaseInput(const GoldenCase& golden, const HatConfig& config,
                                              bool reads_last, const std::string& prefix = "");

// The attended rows of [R, …] in the padded layout [rows, n, …], zeros elsewhere.
at::Tensor PadHatRows(const at::Tensor& values, const HatCaseInput& input);

// Maps of families, [H, n, n] each, in the layout of the reference: [rows · N, H, k, k] of those
// inside segments, [rows, H, N, N] of those across. Zeros where the reference has values of masked
// queries.
at::Tensor PadHatMapsWithin(const std::vector<at::Tensor>& maps, const HatConfig& config,
                            const HatCaseInput& input);
at::Tensor PadHatMapsAcross(const std::vector<at::Tensor>& maps, const HatConfig& config,
                            const HatCaseInput& input);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_HAT_CASE_INPUT_H_
