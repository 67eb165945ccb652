#include "models/layers/window_attention.h"

#include <cmath>
#include <vector>

namespace strata::models {
namespace {

constexpr double kHidden = -100;  // added where two tokens of a window are no neighbours

int64_t RoundUp(int64_t size, int64_t step) { return (size + step - 1) / step * step; }

at::Tensor Pad(const at::Tensor& qkv, const at::Tensor& padding_qkv, int64_t height,
               int64_t width) {
  if (qkv.size(1) == height && qkv.size(2) == width) return qkv;
  std::vector<int64_t> shape = qkv.sizes().vec();
  shape[1] = height;
  shape[2] = width;
  at::Tensor padded =
      padding_qkv.defined() ? padding_qkv.expand(shape).clone() : at::zeros(shape, qkv.options());
  padded.narrow(1, 0, qkv.size(1)).narrow(2, 0, qkv.size(2)).copy_(qkv);
  return padded;
}

at::Tensor Roll(const at::Tensor& x, int64_t rows, int64_t columns) {
  return rows == 0 && columns == 0 ? x : at::roll(x, {rows, columns}, {1, 2});
}

// [heads, N, N] by query and key of a window.
at::Tensor RelativeBias(const at::Tensor& table, int64_t height, int64_t width) {
  std::vector<int64_t> index;
  const int64_t size = height * width;
  index.reserve(static_cast<size_t>(size * size));
  for (int64_t query = 0; query < size; ++query) {
    for (int64_t key = 0; key < size; ++key) {
      const int64_t row = query / width - key / width + height - 1;
      const int64_t column = query % width - key % width + width - 1;
      index.push_back(row * (2 * width - 1) + column);
    }
  }
  return table.index_select(0, at::tensor(index, at::kLong))
      .view({size, size, -1})
      .permute({2, 0, 1});
}

// Which stretch of a rolled axis a place lies in: what came from the other border is the last.
int64_t Region(int64_t place, int64_t size, int64_t window, int64_t shift) {
  if (shift == 0 || place < size - window) return 0;
  return place < size - shift ? 1 : 2;
}

// [windows, N, N]: 0 or kHidden.
at::Tensor ShiftMask(int64_t height, int64_t width, const WindowSpec& spec) {
  const int64_t rows = height / spec.height, columns = width / spec.width;
  const int64_t size = spec.height * spec.width;
  at::Tensor regions = at::empty({rows * columns, size}, at::kFloat);
  auto* out = regions.mutable_data_ptr<float>();
  for (int64_t window = 0; window < rows * columns; ++window) {
    for (int64_t token = 0; token < size; ++token) {
      const int64_t y = window / columns * spec.height + token / spec.width;
      const int64_t x = window % columns * spec.width + token % spec.width;
      *out++ = static_cast<float>(3 * Region(y, height, spec.height, spec.shift_height) +
                                  Region(x, width, spec.width, spec.shift_width));
    }
  }
  const at::Tensor differ = regions.unsqueeze(1) != regions.unsqueeze(2);
  return differ.to(at::kFloat) * kHidden;
}

}  // namespace

at::Tensor WindowAttention(const at::Tensor& qkv, int64_t num_heads, const at::Tensor& bias_table,
                           const at::Tensor& padding_qkv, const WindowSpec& spec,
                           at::Tensor* probabilities) {
  const int64_t images = qkv.size(0), channels = qkv.size(3) / 3, head = channels / num_heads;
  const int64_t height = RoundUp(qkv.size(1), spec.height);
  const int64_t width = RoundUp(qkv.size(2), spec.width);
  const int64_t rows = height / spec.height, columns = width / spec.width;
  const int64_t size = spec.height * spec.width;
  const bool shift_first = spec.padding == WindowPadding::kAfterShift;
  at::Tensor grid = shift_first ? Roll(qkv, -spec.shift_height, -spec.shift_width) : qkv;
  grid = Pad(grid, padding_qkv, height, width);
  if (!shift_first) grid = Roll(grid, -spec.shift_height, -spec.shift_width);

  // [3, images · windows, heads, N, head size]
  const at::Tensor windows =
      grid.reshape({images, rows, spec.height, columns, spec.width, 3, num_heads, head})
          .permute({5, 0, 1, 3, 6, 2, 4, 7})
          .reshape({3, images * rows * columns, num_heads, size, head});
  const at::Tensor q = windows[0] / std::sqrt(static_cast<double>(head));
  at::Tensor logits = at::matmul(q, windows[1].transpose(-2, -1)) +
                      RelativeBias(bias_table, spec.height, spec.width);
  if (spec.shift_height > 0 || spec.shift_width > 0) {
    const at::Tensor mask = ShiftMask(height, width, spec).unsqueeze(1);
    logits = (logits.view({images, rows * columns, num_heads, size, size}) + mask)
                 .view({images * rows * columns, num_heads, size, size});
  }
  const at::Tensor weights = at::softmax(logits, -1);
  if (probabilities != nullptr) *probabilities = weights;
  at::Tensor context = at::matmul(weights, windows[2])
                           .view({images, rows, columns, num_heads, spec.height, spec.width, head})
                           .permute({0, 1, 4, 2, 5, 3, 6})
                           .reshape({images, height, width, channels});
  const auto cut = [&] { context = context.narrow(1, 0, qkv.size(1)).narrow(2, 0, qkv.size(2)); };
  if (shift_first) cut();
  context = Roll(context, spec.shift_height, spec.shift_width);
  if (!shift_first) cut();
  return context;
}

}  // namespace strata::models
