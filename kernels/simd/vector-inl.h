// The vectors of floats of a target, and 2^x on them. Compiled once per target; everything is in
// HWY_NAMESPACE.
#if defined(STRATA_KERNELS_SIMD_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_VECTOR_INL_H_
#undef STRATA_KERNELS_SIMD_VECTOR_INL_H_
#else
#define STRATA_KERNELS_SIMD_VECTOR_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;
constexpr int kLanes = HWY_LANES(float);
// AVX-512 and NEON have 32 vector registers, the others 16: how many sums a tile may hold.
constexpr bool kManyRegisters = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON;

HWY_INLINE int RoundUpToLanes(int size) { return (size + kLanes - 1) / kLanes * kLanes; }

// max(low, x) that stays NaN where x is.
HWY_INLINE Vector MaxOrNaN(Vector low, Vector x) {
#if HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Lt(x, low), low, x);
#else
  return hn::Max(low, x);  // x86 returns the second operand where one is NaN; Arm returns NaN
#endif
}

// min(high, x), likewise.
HWY_INLINE Vector MinOrNaN(Vector high, Vector x) {
#if HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Gt(x, high), high, x);
#else
  return hn::Min(high, x);
#endif
}

// 2^x to 2e-7 relative; exactly 0 below 2^-126 and for -infinity; NaN stays NaN. x must be below
// 127.
HWY_INLINE Vector Exp2(Vector x) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  x = MaxOrNaN(hn::Set(d, -127.0f), x);
  // Adding 1.5 · 2^23 rounds to a whole number and leaves it in the low bits, ready to be shifted
  // into an exponent; that of -127 becomes 0, and so does the product.
  const auto shifted = hn::Add(x, hn::Set(d, 12582912.0f));
  const auto power =
      hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::BitCast(di, shifted), hn::Set(di, 127))));
  const auto f = hn::Sub(x, hn::Sub(shifted, hn::Set(d, 12582912.0f)));
  // Minimax polynomial of degree 5 for 2^f on [-1/2, 1/2]: relative error 7.5e-8.
  auto p = hn::MulAdd(hn::Set(d, 1.3276472e-3f), f, hn::Set(d, 9.6755413e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.5507133e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.4022120e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.9314697e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.00000007f));
  return hn::Mul(p, power);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#endif
