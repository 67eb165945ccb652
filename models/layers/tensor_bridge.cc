#include "models/layers/tensor_bridge.h"

namespace strata::models {
namespace {

at::ScalarType ToScalarType(TensorType type) {
  switch (type) {
    case TensorType::kBool:
      return at::kBool;
    case TensorType::kUInt8:
      return at::kByte;
    case TensorType::kInt8:
      return at::kChar;
    case TensorType::kInt16:
      return at::kShort;
    case TensorType::kInt32:
      return at::kInt;
    case TensorType::kInt64:
      return at::kLong;
    case TensorType::kFloat16:
      return at::kHalf;
    case TensorType::kBFloat16:
      return at::kBFloat16;
    case TensorType::kFloat32:
      return at::kFloat;
    case TensorType::kFloat64:
      return at::kDouble;
  }
  return at::kFloat;
}

}  // namespace

at::Tensor ToTensor(const TensorView& view) {
  const auto options = at::TensorOptions().dtype(ToScalarType(view.type));
  if (view.size_bytes == 0) return at::empty(view.shape, options);
  // from_blob needs the type's alignment, which a file does not promise.
  if (reinterpret_cast<uintptr_t>(view.data) % TensorTypeBytes(view.type) != 0) {
    at::Tensor copy = at::empty(view.shape, options);
    std::memcpy(copy.data_ptr(), view.data, view.size_bytes);
    return copy;
  }
  return at::from_blob(
      const_cast<std::byte*>(view.data), view.shape, [owner = view.owner](void*) {}, options);
}

TensorView ToView(const at::Tensor& tensor, TensorType type) {
  auto kept =
      std::make_shared<at::Tensor>(tensor.detach().to(at::kCPU, ToScalarType(type)).contiguous());
  TensorView view;
  view.type = type;
  view.shape = kept->sizes().vec();
  view.data = static_cast<const std::byte*>(kept->data_ptr());
  view.size_bytes = static_cast<int64_t>(kept->nbytes());
  view.owner = kept;
  return view;
}

}  // namespace strata::models
