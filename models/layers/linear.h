// A linear map as its weights, and the norms that stand between linear maps.
#ifndef STRATA_MODELS_LAYERS_LINEAR_H_
#define STRATA_MODELS_LAYERS_LINEAR_H_

#include <ATen/ATen.h>

#include <memory>

#include "absl/status/status.h"
#include "kernels/linear/packed_linear.h"
#include "kernels/norm/row_norm.h"
#include "models/layers/layers.h"

namespace strata::models {

// y = W x + b.
struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], or undefined: none
  // After PackForInference, in place of both.
  std::shared_ptr<const kernels::PackedLinear> packed;
};

// Puts the weights into the order in which the kernels of this processor read them, and lets go of
// the tensors. From then on Apply runs on kernels::SharedThreadPool(), without gradients, and a
// row's result is bit-equal whatever rows stand beside it. INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
absl::Status PackForInference(Linear& linear,
                              kernels::WeightType type = kernels::WeightType::kFloat32);

// x [..., in] → [..., out]. Differentiable unless packed; thread-safe.
at::Tensor Apply(const Linear& linear, const at::Tensor& x);

using kernels::NormKind;

struct Norm {
  at::Tensor weight;  // [C]
  at::Tensor bias;    // [C]; undefined for kRmsNorm
};

// x [..., C] → the same shape.
inline at::Tensor Normalize(const Norm& norm, NormKind kind, double epsilon, const at::Tensor& x) {
  if (kind == NormKind::kRmsNorm) return RmsNorm(x, norm.weight, epsilon);
  return at::layer_norm(x, {norm.weight.size(0)}, norm.weight, norm.bias, epsilon);
}

// The same in place, for inference: no gradients. x [T, C] float32, contiguous.
void NormalizeInPlace(const Norm& norm, NormKind kind, double epsilon, at::Tensor& x);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_LINEAR_H_
