// Attention of every query over every key, head by head.
#ifndef STRATA_MODELS_LAYERS_DENSE_ATTENTION_H_
#define STRATA_MODELS_LAYERS_DENSE_ATTENTION_H_

#include <ATen/ATen.h>

namespace strata::models {

struct DenseAttentionOptions {
  double scale = 1;    // of q · k
  at::Tensor bias;     // added to the scores, broadcast to [..., H, n, m]; may be undefined
  double dropout = 0;  // of the probabilities
  at::Tensor* probabilities = nullptr;  // gets [..., H, n, m]
};

// softmax(scale · q kᵀ + bias) v. q [..., H, n, D], k and v [..., H, m, D], the same leading
// dimensions, any strides; returns [..., n, H·D]. Softmax in float32. Differentiable.
at::Tensor DenseAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const DenseAttentionOptions& options);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_DENSE_ATTENTION_H_
