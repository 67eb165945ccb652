// What the matrices of a model are kept as once it is loaded, whatever its files hold.
#ifndef STRATA_MODELS_ENGINE_WEIGHT_PRECISION_H_
#define STRATA_MODELS_ENGINE_WEIGHT_PRECISION_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace strata::models {

// docs/precision.md says what each costs and gives.
enum class WeightPrecision : uint8_t { kFloat32, kBFloat16, kInt8 };

// "fp32", "bf16", "int8".
std::string_view WeightPrecisionName(WeightPrecision precision);
// INVALID_ARGUMENT lists the names.
absl::StatusOr<WeightPrecision> ParseWeightPrecision(std::string_view name);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_WEIGHT_PRECISION_H_
