#include "models/layers/dense_attention.h"

#include "models/layers/layers.h"

namespace strata::models {

at::Tensor DenseAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const DenseAttentionOptions& options) {
  at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) * options.scale;
  if (options.bias.defined()) scores = scores + options.bias;
  const at::Tensor probabilities = at::softmax(scores, -1, at::kFloat).to(q.scalar_type());
  if (options.probabilities != nullptr) *options.probabilities = probabilities;
  return at::matmul(Dropout(probabilities, options.dropout), v).transpose(-3, -2).flatten(-2, -1);
}

}  // namespace strata::models
