#include "models/checkpoint/tensor_values.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace strata::models {
namespace {

template <typename Word>
Word Load(const TensorView& view, int64_t index) {
  Word word;
  std::memcpy(&word, view.data + index * static_cast<int64_t>(sizeof word), sizeof word);
  return word;
}

// A float is NaN or infinite where all bits of its exponent are set.
template <typename Word>
bool NoneHas(const TensorView& view, Word exponent) {
  const int64_t count = view.size_bytes / static_cast<int64_t>(sizeof(Word));
  bool found = false;
  for (int64_t i = 0; i < count; ++i) found |= (Load<Word>(view, i) & exponent) == exponent;
  return !found;
}

float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
  if (exponent == 0) {  // zero or subnormal: fraction · 2^-24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 0x1f ? 0xff : exponent + 112;  // 127 - 15
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

float ValueAt(const TensorView& view, int64_t index) {
  switch (view.type) {
    case TensorType::kFloat16:
      return HalfToFloat(Load<uint16_t>(view, index));
    case TensorType::kBFloat16:
      return std::bit_cast<float>(uint32_t{Load<uint16_t>(view, index)} << 16);
    case TensorType::kFloat64:
      return static_cast<float>(std::bit_cast<double>(Load<uint64_t>(view, index)));
    default:
      return std::bit_cast<float>(Load<uint32_t>(view, index));
  }
}

uint16_t ToBFloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace

bool IsFloatType(TensorType type) {
  return type == TensorType::kFloat16 || type == TensorType::kBFloat16 ||
         type == TensorType::kFloat32 || type == TensorType::kFloat64;
}

bool AllFinite(const TensorView& view) {
  switch (view.type) {
    case TensorType::kFloat16:
      return NoneHas<uint16_t>(view, 0x7c00);
    case TensorType::kBFloat16:
      return NoneHas<uint16_t>(view, 0x7f80);
    case TensorType::kFloat32:
      return NoneHas<uint32_t>(view, 0x7f800000);
    case TensorType::kFloat64:
      return NoneHas<uint64_t>(view, uint64_t{0x7ff} << 52);
    default:
      return true;
  }
}

TensorView ConvertFloats(const TensorView& view, TensorType type) {
  const bool is_known = type == TensorType::kFloat32 || type == TensorType::kBFloat16;
  if (!is_known || !IsFloatType(view.type) || view.type == type) return view;
  const int64_t count = view.num_elements(), width = TensorTypeBytes(type);
  TensorView converted;
  converted.type = type;
  converted.shape = view.shape;
  converted.size_bytes = count * width;
  const std::shared_ptr<std::byte[]> bytes =
      std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(converted.size_bytes));
  for (int64_t i = 0; i < count; ++i) {
    const float value = ValueAt(view, i);
    if (type == TensorType::kBFloat16) {
      const uint16_t word = ToBFloat16(value);
      std::memcpy(bytes.get() + i * width, &word, sizeof word);
    } else {
      std::memcpy(bytes.get() + i * width, &value, sizeof value);
    }
  }
  converted.data = bytes.get();
  converted.owner = bytes;
  return converted;
}

}  // namespace strata::models
