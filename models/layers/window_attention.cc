#include "models/layers/window_attention.h"

#include <cmath>
#include <optional>
#include <vector>

namespace strata::models {

at::Tensor RelativeBias(const at::Tensor& table, Extent window) {
  const int64_t size = window.area(), width = window.width;
  at::Tensor index = at::empty({size * size}, at::kLong);
  auto* out = index.mutable_data_ptr<int64_t>();
  for (int64_t query = 0; query < size; ++query) {
    for (int64_t key = 0; key < size; ++key) {
      const int64_t row = query / width - key / width + window.height - 1;
      const int64_t column = query % width - key % width + width - 1;
      *out++ = row * (2 * width - 1) + column;
    }
  }
  return table.index_select(0, index).view({size, size, -1}).permute({2, 0, 1}).contiguous();
}

at::Tensor AttendWithBias(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const at::Tensor& bias) {
  const auto mask = bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  const int64_t windows = q.size(0);
  if (!mask || bias.size(0) == 1 || bias.size(0) == windows) {
    return at::scaled_dot_product_attention(q, k, v, mask);
  }
  std::vector<at::Tensor> grids;  // each window of a grid has a bias of its own: grid by grid
  for (int64_t first = 0; first < windows; first += bias.size(0)) {
    const auto grid = [&](const at::Tensor& part) { return part.narrow(0, first, bias.size(0)); };
    grids.push_back(at::scaled_dot_product_attention(grid(q), grid(k), grid(v), mask));
  }
  return at::cat(grids);
}

at::Tensor AttendInWindows(const at::Tensor& qkv, int64_t num_heads, const at::Tensor& bias,
                           at::Tensor* probabilities) {
  const int64_t windows = qkv.size(0), size = qkv.size(1), channels = qkv.size(2) / 3;
  // [3, W, heads, N, D]
  const at::Tensor parts =
      qkv.view({windows, size, 3, num_heads, channels / num_heads}).permute({2, 0, 3, 1, 4});
  if (probabilities != nullptr) {
    const double scale = 1 / std::sqrt(static_cast<double>(channels / num_heads));
    at::Tensor scores = at::matmul(parts[0] * scale, parts[1].transpose(-2, -1));
    if (bias.defined()) {
      scores = (scores.view({-1, bias.size(0), num_heads, size, size}) + bias).view(scores.sizes());
    }
    *probabilities = at::softmax(scores, -1);
    return at::matmul(*probabilities, parts[2]).transpose(1, 2).reshape({windows, size, channels});
  }
  return AttendWithBias(parts[0], parts[1], parts[2], bias)
      .transpose(1, 2)
      .reshape({windows, size, channels});
}

WindowPlan MakeWindowPlan(Extent grid, const WindowSpec& spec) {
  return {spec, LocalWindows(grid, spec), spec.is_shifted() ? ShiftMask(grid, spec) : at::Tensor()};
}

at::Tensor WindowAttention(const at::Tensor& qkv, int64_t num_heads, const at::Tensor& bias_table,
                           const at::Tensor& padding_qkv, const WindowPlan& plan,
                           at::Tensor* probabilities) {
  const int64_t height = qkv.size(1), width = qkv.size(2);
  at::Tensor bias = RelativeBias(bias_table, {plan.spec.height, plan.spec.width}).unsqueeze(0);
  if (plan.mask.defined()) bias = bias + plan.mask;
  const at::Tensor windows =
      CutWindows(qkv.reshape({-1, height * width, qkv.size(3)}), plan.order, padding_qkv);
  return JoinWindows(AttendInWindows(windows, num_heads, bias, probabilities), plan.order)
      .view({-1, height, width, qkv.size(3) / 3});
}

}  // namespace strata::models
