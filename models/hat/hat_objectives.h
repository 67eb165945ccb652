// Pre-training objectives of HAT beside the masked LM: bags of words, and two views of a document.
//
// Source: coastalcph/hierarchical-transformers, modelling_hat.py: HATModelForBoWPreTraining,
// HATModelForVICRegPreTraining, HATModelForSimCLRPreTraining.
#ifndef STRATA_MODELS_HAT_HAT_OBJECTIVES_H_
#define STRATA_MODELS_HAT_HAT_OBJECTIVES_H_

#include <ATen/ATen.h>

namespace strata::models {

// All are scalars, differentiable. n vectors of d dimensions; x and y are two views of the same
// things in the same order.

// 1 - mean cosine of x_i and y_i. [n, d]
at::Tensor ViewDistance(const at::Tensor& x, const at::Tensor& y);

struct VicRegTerms {
  at::Tensor variance;    // mean of relu(1 - sqrt(var + 1e-4)), both views halved
  at::Tensor covariance;  // squares off the diagonal of xᵀx / (n - 1) over d, both views added
};
VicRegTerms VicReg(const at::Tensor& x, const at::Tensor& y);

// Mean of both views' cross entropy for finding the other view among all 2n vectors, by dot
// products over `temperature` of what the caller has scaled to length 1. A vector itself does not
// count. `counted` [n] bool (may be undefined: all): the others ask for nothing, and are left out
// of what x is compared with; y is compared with them too, as the reference does.
at::Tensor ContrastiveLoss(const at::Tensor& x, const at::Tensor& y, const at::Tensor& counted,
                           double temperature);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_OBJECTIVES_H_
