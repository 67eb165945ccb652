// Named tensors of a checkpoint: what every reader returns and the writer takes. No torch here.
#ifndef STRATA_MODELS_CHECKPOINT_TENSOR_MAP_H_
#define STRATA_MODELS_CHECKPOINT_TENSOR_MAP_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace strata::models {

enum class TensorType : uint8_t {
  kBool,
  kUInt8,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
};

int64_t TensorTypeBytes(TensorType type);
std::string_view TensorTypeName(TensorType type);  // as safetensors spells it: "F32", "BF16", ...
absl::StatusOr<TensorType> ParseTensorType(std::string_view name);

// A view of row-major little-endian data; `owner` keeps the bytes alive (a mapped file, a buffer).
struct TensorView {
  TensorType type = TensorType::kFloat32;
  std::vector<int64_t> shape;
  const std::byte* data = nullptr;
  int64_t size_bytes = 0;
  std::shared_ptr<const void> owner;

  int64_t num_elements() const;
};

using TensorMap = std::map<std::string, TensorView, std::less<>>;

// "[2, 128]", for messages.
std::string ShapeString(const std::vector<int64_t>& shape);

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_TENSOR_MAP_H_
