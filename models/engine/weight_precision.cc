#include "models/engine/weight_precision.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

struct Row {
  WeightPrecision precision;
  std::string_view name;
};

constexpr Row kRows[] = {{WeightPrecision::kFloat32, "fp32"},
                         {WeightPrecision::kBFloat16, "bf16"},
                         {WeightPrecision::kInt8, "int8"}};

}  // namespace

std::string_view WeightPrecisionName(WeightPrecision precision) {
  return kRows[static_cast<size_t>(precision)].name;
}

absl::StatusOr<WeightPrecision> ParseWeightPrecision(std::string_view name) {
  std::string known;
  for (const Row& row : kRows) {
    if (name == row.name) return row.precision;
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(row.name));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(name), "' is no type of weights; known: ", known));
}

}  // namespace strata::models
