#include "models/checkpoint/tensor_map.h"

#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace strata::models {
namespace {

struct TypeRow {
  TensorType type;
  std::string_view name;
  int64_t bytes;
};

constexpr std::array<TypeRow, 10> kTypes = {{
    {TensorType::kBool, "BOOL", 1},
    {TensorType::kUInt8, "U8", 1},
    {TensorType::kInt8, "I8", 1},
    {TensorType::kInt16, "I16", 2},
    {TensorType::kInt32, "I32", 4},
    {TensorType::kInt64, "I64", 8},
    {TensorType::kFloat16, "F16", 2},
    {TensorType::kBFloat16, "BF16", 2},
    {TensorType::kFloat32, "F32", 4},
    {TensorType::kFloat64, "F64", 8},
}};

const TypeRow& RowOf(TensorType type) { return kTypes[static_cast<size_t>(type)]; }

}  // namespace

int64_t TensorTypeBytes(TensorType type) { return RowOf(type).bytes; }

std::string_view TensorTypeName(TensorType type) { return RowOf(type).name; }

absl::StatusOr<TensorType> ParseTensorType(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown tensor type '", std::string(name), "'"));
}

int64_t TensorView::num_elements() const {
  int64_t count = 1;
  for (int64_t dimension : shape) count *= dimension;
  return count;
}

std::string ShapeString(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

}  // namespace strata::models
