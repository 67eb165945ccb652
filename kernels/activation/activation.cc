#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activation/activation.cc"
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on
#include "kernels/activation/activation.h"

#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

constexpr float kLog2E = 1.44269504088896340736f;

// e^x for x <= 0; beyond -88 it is 0.
HWY_INLINE Vector ExpOfNegative(Vector x) {
  const Floats d;
  return Exp2(hn::Mul(x, hn::Set(d, kLog2E)));
}

// 1 / (1 + e^-x), by way of e^-|x| so that nothing overflows.
HWY_INLINE Vector Sigmoid(Vector x) {
  const Floats d;
  const auto one = hn::Set(d, 1.0f);
  const auto e = ExpOfNegative(hn::Neg(hn::Abs(x)));
  const auto below = hn::Div(e, hn::Add(one, e));  // sigmoid(-|x|)
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, hn::Sub(one, below));
}

struct Relu {
  HWY_INLINE Vector operator()(Vector x) const { return MaxOrNaN(hn::Zero(Floats()), x); }
};

// Φ(-|x|) = erfc(z) / 2, z = |x| / √2, by formula 7.1.26 of Abramowitz and Stegun: error 1.5e-7.
struct Gelu {
  HWY_INLINE Vector operator()(Vector x) const {
    const Floats d;
    const auto z = hn::Mul(hn::Abs(x), hn::Set(d, 0.70710678118654752f));
    const auto t =
        hn::Div(hn::Set(d, 1.0f), hn::MulAdd(z, hn::Set(d, 0.3275911f), hn::Set(d, 1.0f)));
    auto p = hn::MulAdd(hn::Set(d, 1.061405429f), t, hn::Set(d, -1.453152027f));
    p = hn::MulAdd(p, t, hn::Set(d, 1.421413741f));
    p = hn::MulAdd(p, t, hn::Set(d, -0.284496736f));
    p = hn::MulAdd(p, t, hn::Set(d, 0.254829592f));
    p = hn::Mul(hn::Mul(p, t), hn::Set(d, 0.5f));
    const auto below = hn::Mul(p, ExpOfNegative(hn::Neg(hn::Mul(z, z))));
    const auto phi =
        hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, hn::Sub(hn::Set(d, 1.0f), below));
    return hn::Mul(x, phi);
  }
};

// (1 + tanh u) / 2 = sigmoid(2u)
struct GeluTanh {
  HWY_INLINE Vector operator()(Vector x) const {
    const Floats d;
    const auto cubic = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715f), hn::Set(d, 1.0f));
    const auto u = hn::Mul(hn::Mul(x, cubic), hn::Set(d, 2.0f * 0.79788456080286536f));
    return hn::Mul(x, Sigmoid(u));
  }
};

struct Silu {
  HWY_INLINE Vector operator()(Vector x) const { return hn::Mul(x, Sigmoid(x)); }
};

// 2 sigmoid(2x) - 1; near 0, where that would lose digits, the series x - x³/3 + 2x⁵/15 - 17x⁷/315.
struct Tanh {
  HWY_INLINE Vector operator()(Vector x) const {
    const Floats d;
    const auto far = hn::MulAdd(Sigmoid(hn::Add(x, x)), hn::Set(d, 2.0f), hn::Set(d, -1.0f));
    const auto y = hn::Mul(x, x);
    auto series = hn::MulAdd(y, hn::Set(d, -17.0f / 315.0f), hn::Set(d, 2.0f / 15.0f));
    series = hn::MulAdd(series, y, hn::Set(d, -1.0f / 3.0f));
    const auto near = hn::MulAdd(hn::Mul(x, y), series, x);
    return hn::IfThenElse(hn::Lt(hn::Abs(x), hn::Set(d, 0.1f)), near, far);
  }
};

struct Identity {
  HWY_INLINE Vector operator()(Vector x) const { return x; }
};

// The tail goes through the same vector code, so that no value depends on its place.
template <class Function>
HWY_INLINE void OnRow(Function function, float* x, const float* factor, int64_t count) {
  const Floats d;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    auto y = function(hn::LoadU(d, x + i));
    if (factor != nullptr) y = hn::Mul(y, hn::LoadU(d, factor + i));
    hn::StoreU(y, d, x + i);
  }
  if (i == count) return;
  float values[kLanes] = {}, factors[kLanes] = {};
  for (int64_t j = i; j < count; ++j) values[j - i] = x[j];
  for (int64_t j = i; j < count && factor != nullptr; ++j) factors[j - i] = factor[j];
  auto y = function(hn::LoadU(d, values));
  if (factor != nullptr) y = hn::Mul(y, hn::LoadU(d, factors));
  hn::StoreU(y, d, values);
  for (int64_t j = i; j < count; ++j) x[j] = values[j - i];
}

void OnRowBy(Activation activation, float* x, const float* factor, int64_t count) {
  switch (activation) {
    case Activation::kRelu:
      return OnRow(Relu(), x, factor, count);
    case Activation::kGelu:
      return OnRow(Gelu(), x, factor, count);
    case Activation::kGeluTanh:
      return OnRow(GeluTanh(), x, factor, count);
    case Activation::kSilu:
      return OnRow(Silu(), x, factor, count);
    case Activation::kTanh:
      return OnRow(Tanh(), x, factor, count);
    case Activation::kIdentity:
      return OnRow(Identity(), x, factor, count);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::kernels {

HWY_EXPORT(OnRowBy);

void ActivateRow(Activation activation, float* x, int64_t count) {
  HWY_DYNAMIC_DISPATCH(OnRowBy)(activation, x, nullptr, count);
}

void ActivateAndScaleRow(Activation activation, float* x, const float* factor, int64_t count) {
  HWY_DYNAMIC_DISPATCH(OnRowBy)(activation, x, factor, count);
}

}  // namespace strata::kernels
#endif
