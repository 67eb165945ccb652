// A matrix into its packed order, and inputs into the type of a product. Compiled once per target
// (see linear_kernels.cc); everything is in HWY_NAMESPACE.
#if defined(STRATA_KERNELS_LINEAR_LINEAR_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_LINEAR_LINEAR_PACK_INL_H_
#undef STRATA_KERNELS_LINEAR_LINEAR_PACK_INL_H_
#else
#define STRATA_KERNELS_LINEAR_LINEAR_PACK_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/linear/linear_kernels.h"
#include "kernels/linear/linear_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

HWY_INLINE int Min(int a, int b) { return a < b ? a : b; }
HWY_INLINE int RoundUp(int value, int step) { return (value + step - 1) / step * step; }

// How the inputs of a panel are laid out: `together` of them side by side in a column, the number
// of inputs rounded up to `step`.
struct PanelShape {
  int width, value_size, together, step;
};

HWY_INLINE PanelShape ShapeOf(const PackedMatrix& matrix) {
  const int size = matrix.type == WeightType::kFloat32    ? 4
                   : matrix.type == WeightType::kBFloat16 ? 2
                                                          : 1;
  if (matrix.native == nullptr) {
    const int together = matrix.type == WeightType::kInt8 ? 2 : 1;
    return {kPanelWidth, size, together, together};
  }
  // Some tiles take 16 groups at a time.
  return {NativeTile::kPanelWidth, size, NativeTile::kGroupBytes / size,
          16 * NativeTile::kGroupBytes / size};
}

HWY_INLINE int PanelValues(const PackedMatrix& matrix, int inputs) {
  const PanelShape shape = ShapeOf(matrix);
  return RoundUp(inputs, shape.step) * shape.width;
}

size_t PanelBytes(const PackedMatrix& matrix, int inputs) {
  return static_cast<size_t>(ShapeOf(matrix).value_size) * PanelValues(matrix, inputs);
}

// Columns of all panels, those that fill up the last one included.
HWY_INLINE int PaddedOutputs(const PackedMatrix& matrix) {
  return RoundUp(matrix.num_outputs, ShapeOf(matrix).width);
}

// Where the panels of a block begin, in bytes: all blocks before it are whole.
HWY_INLINE size_t BlockOffset(const PackedMatrix& matrix, int block) {
  return static_cast<size_t>(block) * (PaddedOutputs(matrix) / ShapeOf(matrix).width) *
         PanelBytes(matrix, kInputBlock);
}

// Of a block's column: its scale, and behind all scales what unsigned inputs add to its sums.
HWY_INLINE ptrdiff_t ScaleIndex(const PackedMatrix& matrix, int block, int column) {
  return static_cast<ptrdiff_t>(block) * PaddedOutputs(matrix) + column;
}
HWY_INLINE ptrdiff_t NumScales(const PackedMatrix& matrix) {
  const int blocks = (matrix.num_inputs + kInputBlock - 1) / kInputBlock;
  return static_cast<ptrdiff_t>(blocks) * PaddedOutputs(matrix);
}

// Nearest, ties to even; NaN stays NaN.
HWY_INLINE uint16_t ToBFloat16(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

// One output's inputs of a block. `column` is its place in the panel. Returns the sum of the
// rounded values (kInt8).
HWY_INLINE int32_t PackColumn(const float* from, int inputs, int column, WeightType type,
                              const PanelShape& shape, void* panel, float* scale) {
  float largest = 0.0f;
  if (type == WeightType::kInt8) {
    for (int i = 0; i < inputs; ++i) {
      largest = __builtin_fabsf(from[i]) > largest ? __builtin_fabsf(from[i]) : largest;
    }
    *scale = largest / 127.0f;
  }
  const float to_integer = largest > 0.0f ? 127.0f / largest : 0.0f;
  int32_t sum = 0;
  for (int i = 0; i < inputs; ++i) {
    const int at =
        (i / shape.together * shape.width + column) * shape.together + i % shape.together;
    if (type == WeightType::kFloat32) {
      static_cast<float*>(panel)[at] = from[i];
    } else if (type == WeightType::kBFloat16) {
      static_cast<uint16_t*>(panel)[at] = ToBFloat16(from[i]);
    } else {
      const long rounded = __builtin_lrintf(from[i] * to_integer);
      static_cast<int8_t*>(panel)[at] = static_cast<int8_t>(rounded);
      sum += static_cast<int32_t>(rounded);
    }
  }
  return sum;
}

void Pack(const float* weight, int row_begin, int row_end, const PackedMatrix& matrix, void* data,
          float* scales) {
  const PanelShape shape = ShapeOf(matrix);
  const bool is_int8 = matrix.type == WeightType::kInt8;
  const bool has_corrections = matrix.native != nullptr && matrix.native->has_unsigned_inputs;
  for (int block = 0; block * kInputBlock < matrix.num_inputs; ++block) {
    const int first = block * kInputBlock, inputs = Min(kInputBlock, matrix.num_inputs - first);
    const size_t panel_bytes = PanelBytes(matrix, inputs);
    for (int row = row_begin; row < row_end; row += shape.width) {
      char* panel = static_cast<char*>(data) + BlockOffset(matrix, block) +
                    static_cast<size_t>(row / shape.width) * panel_bytes;
      __builtin_memset(panel, 0, panel_bytes);
      for (int c = 0; c < shape.width; ++c) {
        float scale = 0.0f;
        int32_t sum = 0;
        if (row + c < matrix.num_outputs) {
          sum = PackColumn(weight + static_cast<ptrdiff_t>(row + c) * matrix.num_inputs + first,
                           inputs, c, matrix.type, shape, panel, &scale);
        }
        if (!is_int8) continue;
        const ptrdiff_t at = ScaleIndex(matrix, block, row + c);
        scales[at] = scale;
        if (has_corrections) scales[NumScales(matrix) + at] = 128.0f * static_cast<float>(sum);
      }
    }
  }
}

HWY_INLINE void Widen(const uint16_t* HWY_RESTRICT from, int count, float* HWY_RESTRICT to) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> du;
  const hn::Rebind<uint16_t, Floats> d16;
  for (int i = 0; i < count; i += kLanes) {
    const auto bits = hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(d16, from + i)));
    hn::Store(hn::BitCast(d, bits), d, to + i);
  }
}

HWY_INLINE void Widen(const int8_t* HWY_RESTRICT from, int count, int16_t* HWY_RESTRICT to) {
  const hn::ScalableTag<int16_t> d16;
  const hn::Rebind<int8_t, hn::ScalableTag<int16_t>> d8;
  constexpr int kLanes16 = HWY_LANES(int16_t);
  for (int i = 0; i < count; i += kLanes16) {
    hn::Store(hn::PromoteTo(d16, hn::LoadU(d8, from + i)), d16, to + i);
  }
}

// Rounds a row's inputs to 8 bits, in 16; returns their scale. NaN and infinity make it NaN. Writes
// whole vectors, at least as many values as there are inputs rounded up to pairs.
HWY_INLINE float Quantize(const float* HWY_RESTRICT x, int inputs, int16_t* HWY_RESTRICT to) {
  const Floats d;
  const hn::Rebind<int16_t, Floats> d16;
  auto largest = hn::Zero(d), not_finite = hn::Zero(d);
  int i = 0;
  for (; i + kLanes <= inputs; i += kLanes) {
    const auto value = hn::LoadU(d, x + i);
    largest = hn::Max(largest, hn::Abs(value));
    not_finite = hn::MulAdd(value, hn::Zero(d), not_finite);
  }
  float most = hn::GetLane(hn::MaxOfLanes(d, largest));
  float nan = hn::GetLane(hn::SumOfLanes(d, not_finite));
  for (int j = i; j < inputs; ++j) {
    most = __builtin_fabsf(x[j]) > most ? __builtin_fabsf(x[j]) : most;
    nan += x[j] * 0.0f;
  }
  const auto factor = hn::Set(d, most > 0.0f ? 127.0f / most : 0.0f);
  float rest[kLanes + 1] = {};
  for (int j = i; j < inputs; ++j) rest[j - i] = x[j];
  for (int k = 0; k < inputs; k += kLanes) {
    const auto value = hn::Mul(hn::LoadU(d, k < i ? x + k : rest), factor);
    hn::StoreU(hn::DemoteTo(d16, hn::NearestInt(value)), d16, to + k);
  }
  if (inputs % 2 == 1) to[inputs] = 0;
  return most / 127.0f + nan;
}

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#endif
