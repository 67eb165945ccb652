#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/norm/row_norm.cc"
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on
#include "kernels/norm/row_norm.h"

#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

// Σ (x - shift)^power over a row, power 1 or 2, in four chains of vectors.
template <int kPower>
HWY_INLINE float SumOfRow(const float* HWY_RESTRICT x, float shift, int size) {
  const Floats d;
  const auto by = hn::Set(d, shift);
  Vector sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  int i = 0;
  for (; i + 4 * kLanes <= size; i += 4 * kLanes) {
    for (int v = 0; v < 4; ++v) {
      const auto value = hn::Sub(hn::LoadU(d, x + i + v * kLanes), by);
      sum[v] = kPower == 1 ? hn::Add(sum[v], value) : hn::MulAdd(value, value, sum[v]);
    }
  }
  float total =
      hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]))));
  for (; i < size; ++i) total += kPower == 1 ? x[i] - shift : (x[i] - shift) * (x[i] - shift);
  return total;
}

HWY_INLINE void NormalizeRow(const RowNorm& norm, const float* x, float* out) {
  const Floats d;
  const float size = static_cast<float>(norm.size);
  const bool centred = norm.kind == NormKind::kLayerNorm;
  const float mean = centred ? SumOfRow<1>(x, 0.0f, norm.size) / size : 0.0f;
  const float variance = SumOfRow<2>(x, mean, norm.size) / size;
  const float scale = 1.0f / __builtin_sqrtf(variance + norm.epsilon);
  const auto shift = hn::Set(d, mean), factor = hn::Set(d, scale);
  int i = 0;
  for (; i + kLanes <= norm.size; i += kLanes) {
    const auto centred_x = hn::Mul(hn::Sub(hn::LoadU(d, x + i), shift), factor);
    const auto weight = hn::LoadU(d, norm.weight + i);
    const auto y = norm.bias != nullptr ? hn::MulAdd(centred_x, weight, hn::LoadU(d, norm.bias + i))
                                        : hn::Mul(centred_x, weight);
    hn::StoreU(y, d, out + i);
  }
  for (; i < norm.size; ++i) {
    const float y = (x[i] - mean) * scale * norm.weight[i];
    out[i] = norm.bias != nullptr ? y + norm.bias[i] : y;
  }
}

void Normalize(const RowNorm& norm, const float* x, int64_t x_stride, int64_t rows, float* out,
               int64_t out_stride) {
  for (int64_t r = 0; r < rows; ++r) NormalizeRow(norm, x + r * x_stride, out + r * out_stride);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::kernels {

HWY_EXPORT(Normalize);

void NormalizeRows(const RowNorm& norm, const float* x, int64_t x_stride, int64_t rows, float* out,
                   int64_t out_stride) {
  HWY_DYNAMIC_DISPATCH(Normalize)(norm, x, x_stride, rows, out, out_stride);
}

}  // namespace strata::kernels
#endif
