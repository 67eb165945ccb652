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

struct Relu6 {
  HWY_INLINE Vector operator()(Vector x) const {
    return MinOrNaN(hn::Set(Floats(), 6.0f), Relu()(x));
  }
};

struct ReluSquared {
  HWY_INLINE Vector operator()(Vector x) const {
    const auto y = Relu()(x);
    return hn::Mul(y, y);
  }
};

struct LeakyRelu {
  HWY_INLINE Vector operator()(Vector x) const {
    return MaxOrNaN(hn::Mul(x, hn::Set(Floats(), 0.01f)), x);
  }
};

// Φ(-|x|) = erfc(z) / 2, z = |x| / √2, by formula 7.1.26 of Abramowitz and Stegun: error 1.5e-7.
struct NormalCdf {
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
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, hn::Sub(hn::Set(d, 1.0f), below));
  }
};

struct Gelu {
  HWY_INLINE Vector operator()(Vector x) const { return hn::Mul(x, NormalCdf()(x)); }
};

// Its minimum is above -10.
struct Gelu10 {
  HWY_INLINE Vector operator()(Vector x) const {
    return MinOrNaN(hn::Set(Floats(), 10.0f), Gelu()(x));
  }
};

struct Laplace {
  HWY_INLINE Vector operator()(Vector x) const {
    const Floats d;
    return NormalCdf()(hn::Mul(hn::Sub(x, hn::Set(d, 0.707107f)), hn::Set(d, 1.0f / 0.282095f)));
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

struct QuickGelu {
  HWY_INLINE Vector operator()(Vector x) const {
    return hn::Mul(x, Sigmoid(hn::Mul(x, hn::Set(Floats(), 1.702f))));
  }
};

struct SigmoidAlone {
  HWY_INLINE Vector operator()(Vector x) const { return Sigmoid(x); }
};

// tanh(log(1 + w)) = (w² + 2w) / (w² + 2w + 2), w = e^x; above 0 by way of e = 1/w, so that nothing
// overflows.
struct Mish {
  HWY_INLINE Vector operator()(Vector x) const {
    const Floats d;
    const auto one = hn::Set(d, 1.0f), two = hn::Set(d, 2.0f);
    const auto e = ExpOfNegative(hn::Neg(hn::Abs(x)));
    const auto low = hn::Mul(e, hn::Add(e, two));   // w² + 2w
    const auto high = hn::MulAdd(e, two, one);      // (w² + 2w) · e²
    const auto rest = hn::Mul(hn::Mul(e, e), two);  // 2 · e²
    const auto below = hn::Div(low, hn::Add(low, two));
    const auto above = hn::Div(high, hn::Add(high, rest));
    return hn::Mul(x, hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, above));
  }
};

struct HardSwish {
  HWY_INLINE Vector operator()(Vector x) const {
    const Floats d;
    const auto gate = Relu6()(hn::Add(x, hn::Set(d, 3.0f)));
    return hn::Mul(x, hn::Mul(gate, hn::Set(d, 1.0f / 6.0f)));
  }
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
    case Activation::kRelu6:
      return OnRow(Relu6(), x, factor, count);
    case Activation::kReluSquared:
      return OnRow(ReluSquared(), x, factor, count);
    case Activation::kLeakyRelu:
      return OnRow(LeakyRelu(), x, factor, count);
    case Activation::kGelu:
      return OnRow(Gelu(), x, factor, count);
    case Activation::kGeluTanh:
      return OnRow(GeluTanh(), x, factor, count);
    case Activation::kGelu10:
      return OnRow(Gelu10(), x, factor, count);
    case Activation::kQuickGelu:
      return OnRow(QuickGelu(), x, factor, count);
    case Activation::kSilu:
      return OnRow(Silu(), x, factor, count);
    case Activation::kMish:
      return OnRow(Mish(), x, factor, count);
    case Activation::kHardSwish:
      return OnRow(HardSwish(), x, factor, count);
    case Activation::kSigmoid:
      return OnRow(SigmoidAlone(), x, factor, count);
    case Activation::kLaplace:
      return OnRow(Laplace(), x, factor, count);
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
