#include "models/layers/layers.h"

#include <cmath>

namespace strata::models {

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  const at::Tensor x32 = x.to(at::kFloat);
  const at::Tensor scale = at::rsqrt(x32.square().mean(-1, /*keepdim=*/true) + epsilon);
  return (x32 * scale).to(weight.scalar_type()) * weight;
}

at::Tensor Activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kRelu6:
      return at::hardtanh(x, 0, 6);
    case Activation::kReluSquared:
      return at::relu(x).square();
    case Activation::kLeakyRelu:
      return at::leaky_relu(x, 0.01);
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kGelu10:
      return at::gelu(x).clamp_max(10);
    case Activation::kQuickGelu:
      return x * at::sigmoid(x * 1.702);
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kMish:
      return at::mish(x);
    case Activation::kHardSwish:
      return at::hardswish(x);
    case Activation::kSigmoid:
      return at::sigmoid(x);
    case Activation::kLaplace:
      return (at::erf((x - 0.707107) / (0.282095 * std::sqrt(2.0))) + 1) * 0.5;
    case Activation::kTanh:
      return at::tanh(x);
    case Activation::kIdentity:
      return x;
  }
  return x;
}

at::Tensor SinusoidFrequencies(int64_t hidden_size) {
  return at::exp(at::arange((hidden_size + 1) / 2, at::TensorOptions().dtype(at::kFloat)) *
                 (-2.0 * std::log(10000.0) / static_cast<double>(hidden_size)));
}

at::Tensor SinusoidPositions(const at::Tensor& positions, int64_t hidden_size) {
  // The table holds only the positions that occur: few, since they count siblings.
  const int64_t rows = positions.numel() == 0 ? 1 : positions.max().item<int64_t>() + 1;
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor position = at::arange(rows, options).unsqueeze(1);
  const int64_t half = (hidden_size + 1) / 2;
  const at::Tensor angle = position * SinusoidFrequencies(hidden_size);      // [rows, half]
  const at::Tensor table = at::stack({angle.sin(), angle.cos()}, /*dim=*/2)  // sin, cos, sin, ...
                               .reshape({rows, 2 * half})
                               .narrow(1, 0, hidden_size);
  at::Tensor sum;
  for (int64_t level = 0; level < positions.size(1); ++level) {
    const at::Tensor rows_of_level = table.index_select(0, positions.select(1, level));
    sum = sum.defined() ? sum + rows_of_level : rows_of_level;
  }
  return sum;
}

at::Tensor Dropout(const at::Tensor& x, double probability) {
  return probability > 0 ? at::dropout(x, probability, /*train=*/true) : x;
}

}  // namespace strata::models
