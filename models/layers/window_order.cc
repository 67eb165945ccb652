#include "models/layers/window_order.h"

#include <vector>

namespace strata::models {
namespace {

constexpr double kHidden = -100;

int64_t RoundUp(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

Extent Padded(Extent grid, const WindowSpec& spec) {
  return {RoundUp(grid.height, spec.height), RoundUp(grid.width, spec.width)};
}

// `token_of` gives the token at (row, column) of the cut grid, T for padding.
template <typename TokenOf>
WindowOrder Order(Extent grid, Extent cut, Extent window, TokenOf token_of) {
  WindowOrder order;
  order.window_size = window.area();
  order.num_windows = cut.area() / window.area();
  order.is_padded = !(cut == grid);
  order.tokens = at::empty({cut.area()}, at::kLong);
  order.places = at::empty({grid.area()}, at::kLong);
  auto* const tokens = order.tokens.mutable_data_ptr<int64_t>();
  auto* const places = order.places.mutable_data_ptr<int64_t>();
  int64_t place = 0;
  for (int64_t y0 = 0; y0 < cut.height; y0 += window.height) {
    for (int64_t x0 = 0; x0 < cut.width; x0 += window.width) {
      for (int64_t y = y0; y < y0 + window.height; ++y) {
        for (int64_t x = x0; x < x0 + window.width; ++x, ++place) {
          tokens[place] = token_of(y, x);
          if (tokens[place] < grid.area()) places[tokens[place]] = place;
        }
      }
    }
  }
  return order;
}

// Which stretch of a rolled axis a place lies in: what came from the other border is the last.
int64_t Region(int64_t place, int64_t size, int64_t window, int64_t shift) {
  if (shift == 0 || place < size - window) return 0;
  return place < size - shift ? 1 : 2;
}

}  // namespace

WindowOrder LocalWindows(Extent grid, const WindowSpec& spec) {
  const Extent cut = Padded(grid, spec);
  const Extent rolled = spec.padding == WindowPadding::kBeforeShift ? cut : grid;
  return Order(grid, cut, {spec.height, spec.width}, [&](int64_t y, int64_t x) {
    if (y >= rolled.height || x >= rolled.width) return grid.area();
    const int64_t row = (y + spec.shift_height) % rolled.height;
    const int64_t column = (x + spec.shift_width) % rolled.width;
    if (row >= grid.height || column >= grid.width) return grid.area();
    return row * grid.width + column;
  });
}

WindowOrder DistantGroups(Extent grid, Extent group) {
  const Extent step{grid.height / group.height, grid.width / group.width};
  return Order(grid, grid, group, [&](int64_t y, int64_t x) {
    // Group (y / group.height, x / group.width), place (y % group.height, x % group.width) inside.
    const int64_t row = y % group.height * step.height + y / group.height;
    const int64_t column = x % group.width * step.width + x / group.width;
    return row * grid.width + column;
  });
}

at::Tensor ShiftMask(Extent grid, const WindowSpec& spec) {
  const Extent cut = Padded(grid, spec);
  const WindowOrder order = LocalWindows(cut, {.height = spec.height, .width = spec.width});
  at::Tensor regions = at::empty({cut.height, cut.width}, at::kLong);
  auto* out = regions.mutable_data_ptr<int64_t>();
  for (int64_t y = 0; y < cut.height; ++y) {
    for (int64_t x = 0; x < cut.width; ++x) {
      *out++ = 3 * Region(y, cut.height, spec.height, spec.shift_height) +
               Region(x, cut.width, spec.width, spec.shift_width);
    }
  }
  regions =
      regions.view({-1}).index_select(0, order.tokens).view({order.num_windows, order.window_size});
  return (regions.unsqueeze(1) != regions.unsqueeze(2)).to(at::kFloat).mul(kHidden).unsqueeze(1);
}

at::Tensor CutWindows(const at::Tensor& x, const WindowOrder& order, const at::Tensor& padding) {
  at::Tensor source = x;
  if (order.is_padded) {
    const at::Tensor row = padding.defined() ? padding : at::zeros({x.size(2)}, x.options());
    source = at::cat({x, row.to(x.scalar_type()).expand({x.size(0), 1, x.size(2)})}, 1);
  }
  return source.index_select(1, order.tokens)
      .view({x.size(0) * order.num_windows, order.window_size, x.size(2)});
}

at::Tensor JoinWindows(const at::Tensor& windows, const WindowOrder& order) {
  return windows.reshape({-1, order.num_windows * order.window_size, windows.size(2)})
      .index_select(1, order.places);
}

}  // namespace strata::models
