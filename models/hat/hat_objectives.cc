#include "models/hat/hat_objectives.h"

namespace strata::models {
namespace {

at::Tensor VarianceOf(const at::Tensor& x) {
  return at::relu(1 - at::sqrt(x.var(/*dim=*/0) + 1e-4)).mean() / 2;
}

at::Tensor CovarianceOf(const at::Tensor& x) {
  const at::Tensor covariance = at::matmul(x.t(), x) / static_cast<double>(x.size(0) - 1);
  const at::Tensor off_diagonal = covariance - at::diag(covariance.diagonal());
  return off_diagonal.square().sum() / static_cast<double>(x.size(1));
}

}  // namespace

at::Tensor ViewDistance(const at::Tensor& x, const at::Tensor& y) {
  return 1 - at::cosine_similarity(x, y, /*dim=*/1, /*eps=*/1e-8).mean();
}

VicRegTerms VicReg(const at::Tensor& x, const at::Tensor& y) {
  return {VarianceOf(x) + VarianceOf(y), CovarianceOf(x) + CovarianceOf(y)};
}

at::Tensor ContrastiveLoss(const at::Tensor& x, const at::Tensor& y, const at::Tensor& counted,
                           double temperature) {
  constexpr double kMasked = -1e3;
  const int64_t n = x.size(0);
  const at::Tensor all = at::cat({x, y}, 0);
  const at::Tensor self = at::eye(n, x.options()), none = at::zeros_like(self);
  at::Tensor from_x = at::matmul(x, all.t()) / temperature + at::cat({self, none}, 1) * kMasked;
  const at::Tensor from_y =
      at::matmul(y, all.t()) / temperature + at::cat({none, self}, 1) * kMasked;
  at::Tensor label_of_x = at::arange(n) + n, label_of_y = at::arange(n);
  if (counted.defined()) {
    const at::Tensor left_out = counted.logical_not();
    from_x = from_x.masked_fill(left_out.repeat({2}).unsqueeze(0), kMasked);
    label_of_x = label_of_x.masked_fill(left_out, -100);
    label_of_y = label_of_y.masked_fill(left_out, -100);
  }
  return (at::cross_entropy_loss(from_x, label_of_x) + at::cross_entropy_loss(from_y, label_of_y)) /
         2;
}

}  // namespace strata::models
