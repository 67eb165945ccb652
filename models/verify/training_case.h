// The training part of a golden case: the loss before each step of AdamW, and every gradient of the
// first.
#ifndef STRATA_MODELS_VERIFY_TRAINING_CASE_H_
#define STRATA_MODELS_VERIFY_TRAINING_CASE_H_

#include <ATen/ATen.h>

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/weight_table.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// Trains the tensors of `table` as case.json's "training" says (lr, weight_decay, steps) with the
// loss that `loss` computes, and compares "loss" and "grad.KEY". INTERNAL: an expected gradient
// that did not arrive.
absl::Status CompareTraining(const GoldenCase& golden, const std::vector<WeightEntry>& table,
                             const std::function<absl::StatusOr<at::Tensor>()>& loss,
                             Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_TRAINING_CASE_H_
