// The activations of feed-forward layers, in place on rows of float32.
#ifndef STRATA_KERNELS_ACTIVATION_ACTIVATION_H_
#define STRATA_KERNELS_ACTIVATION_ACTIVATION_H_

#include <cstdint>

namespace strata::kernels {

enum class Activation : uint8_t {
  kRelu,
  kRelu6,        // min(relu(x), 6)
  kReluSquared,  // relu(x)²
  kLeakyRelu,    // x below 0 · 0.01
  kGelu,         // x · Φ(x), the erf form
  kGeluTanh,     // its approximation by tanh
  kGelu10,       // the erf form, cut at 10
  kQuickGelu,    // x · sigmoid(1.702 x)
  kSilu,         // x · sigmoid(x)
  kMish,         // x · tanh(log(1 + e^x))
  kHardSwish,    // x · relu6(x + 3) / 6
  kSigmoid,
  kLaplace,  // Φ((x − 1/√2) / √(1/4π))
  kTanh,
  kIdentity,  // none
};

// x[i] ← act(x[i]), to 3e-7 absolute or relative. NaN stays NaN. Call after SelectTarget().
// Thread-safe for distinct x; a value's result does not depend on its place.
void ActivateRow(Activation activation, float* x, int64_t count);

// x[i] ← act(x[i]) · factor[i]: the gated feed-forward layer.
void ActivateAndScaleRow(Activation activation, float* x, const float* factor, int64_t count);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_ACTIVATION_ACTIVATION_H_
