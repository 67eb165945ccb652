// Which token of a grid stands at which place of which window: local windows (shifted, padded) and
// groups of distant tokens alike, as one list, so that cutting a grid into windows is one gather
// and putting it together again another.
//
// Sources: Swin Transformer (arXiv 2103.14030) §3.2, transformers 5, timm 1.0; MaxViT (arXiv
// 2204.01697) §3.
#ifndef STRATA_MODELS_LAYERS_WINDOW_ORDER_H_
#define STRATA_MODELS_LAYERS_WINDOW_ORDER_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace strata::models {

// Rows and columns.
struct Extent {
  int64_t height = 0, width = 0;
  int64_t area() const { return height * width; }
  friend bool operator==(const Extent&, const Extent&) = default;
};

// A grid that windows do not divide is padded at the right and the bottom; padding tokens are keys
// like any other. For such a grid the order of padding and shifting matters.
enum class WindowPadding : uint8_t {
  kBeforeShift,  // transformers and the official detection code
  kAfterShift,   // timm
};

struct WindowSpec {
  int64_t height = 7, width = 7;              // of a window
  int64_t shift_height = 0, shift_width = 0;  // the grid is rolled by -shift
  WindowPadding padding = WindowPadding::kBeforeShift;

  bool is_shifted() const { return shift_height > 0 || shift_width > 0; }
};

// A pair of tokens has a number in a bias: windows of more would take gigabytes.
constexpr int64_t kMaxWindowTokens = 4096;

// T = tokens of the grid, in raster order; N = tokens of a window. Immutable.
struct WindowOrder {
  int64_t num_windows = 0;  // of one grid
  int64_t window_size = 0;  // N
  bool is_padded = false;
  at::Tensor tokens;  // [num_windows · N] int64, the token of each place; T: padding
  at::Tensor places;  // [T] int64, the place of each token
};

// Windows in raster order, tokens in raster order inside.
WindowOrder LocalWindows(Extent grid, const WindowSpec& spec);

// Each group holds group.area() tokens that stand grid/group apart; the grid's sides are multiples
// of the group's.
WindowOrder DistantGroups(Extent grid, Extent group);

// Of shifted windows: 0 where two places of a window belong together, -100 where the roll brought
// them together from opposite borders (not minus infinity, as in the references).
// [num_windows, 1, N, N]
at::Tensor ShiftMask(Extent grid, const WindowSpec& spec);

// x [B, T, C] → [B · num_windows, N, C]. `padding` [C] stands for padding tokens; undefined: 0.
at::Tensor CutWindows(const at::Tensor& x, const WindowOrder& order, const at::Tensor& padding);

// [B · num_windows, N, C] → [B, T, C].
at::Tensor JoinWindows(const at::Tensor& windows, const WindowOrder& order);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_WINDOW_ORDER_H_
