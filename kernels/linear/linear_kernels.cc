// The product of rows with a packed matrix, written once over Highway for every target.
//
// Ours rather than oneDNN's or LibTorch's: a layer's token-wise half runs tile by tile in the
// caches (kernels/encoder), on one pool, with sums whose order does not depend on the number of
// rows. It reaches 88 to 90 % of the multiply-add peak on a Zen 3.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear/linear_kernels.cc"
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on
#include "kernels/linear/linear_kernels.h"

#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

// A tile of sums held in registers: kTileRows × kTileVectors, with kTileVectors of the panel and
// one spread input beside them.
constexpr int kTileRows = kManyRegisters ? 12 : 6;
constexpr int kTileVectors = 2;
constexpr int kPanelWidth = kTileVectors * kLanes;

HWY_INLINE int Min(int a, int b) { return a < b ? a : b; }

int PanelWidth() { return kPanelWidth; }

void Pack(const float* weight, int num_outputs, int num_inputs, int row_begin, int row_end,
          float* packed) {
  const ptrdiff_t padded = (num_outputs + kPanelWidth - 1) / kPanelWidth * kPanelWidth;
  for (int k = 0; k < num_inputs; k += kInputBlock) {
    const int inputs = Min(kInputBlock, num_inputs - k);
    for (int row = row_begin; row < row_end; row += kPanelWidth) {
      float* to = packed + k * padded + static_cast<ptrdiff_t>(row) * inputs;
      const int columns = Min(kPanelWidth, num_outputs - row);
      for (int c = 0; c < kPanelWidth; ++c) {
        const float* from = weight + static_cast<ptrdiff_t>(row + c) * num_inputs + k;
        for (int i = 0; i < inputs; ++i) to[i * kPanelWidth + c] = c < columns ? from[i] : 0.0f;
      }
    }
  }
}

// One tile: kRows rows against one panel of one block.
struct Tile {
  const float* x;
  ptrdiff_t x_stride;
  const float* panel;
  int inputs;
  float* y;
  ptrdiff_t y_stride;
  const float* bias;  // [kPanelWidth] or null
  bool accumulate;
};

template <int kRows>
HWY_INLINE void MultiplyTile(const Tile& tile) {
  const Floats d;
  // A pointer for each row: with one pointer and kRows strides g++ spills the strides.
  const float* x[kRows];
  Vector sum[kRows][kTileVectors];
  for (int r = 0; r < kRows; ++r) {
    x[r] = tile.x + r * tile.x_stride;
    __builtin_prefetch(tile.y + r * tile.y_stride, 1, 3);
    for (int v = 0; v < kTileVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  const float* HWY_RESTRICT panel = tile.panel;
#pragma GCC unroll 1
  for (ptrdiff_t k = 0; k < tile.inputs; ++k) {
    Vector weights[kTileVectors];
    for (int v = 0; v < kTileVectors; ++v) weights[v] = hn::Load(d, panel + v * kLanes);
    panel += kPanelWidth;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vector input = hn::Set(d, x[r][k]);
      for (int v = 0; v < kTileVectors; ++v) {
        sum[r][v] = hn::MulAdd(input, weights[v], sum[r][v]);
      }
    }
  }
  for (int v = 0; v < kTileVectors; ++v) {
    const Vector bias = tile.bias != nullptr ? hn::LoadU(d, tile.bias + v * kLanes) : hn::Zero(d);
    for (int r = 0; r < kRows; ++r) {
      float* y = tile.y + r * tile.y_stride + v * kLanes;
      Vector start = tile.accumulate ? hn::LoadU(d, y) : hn::Zero(d);
      if (tile.bias != nullptr) start = hn::Add(start, bias);
      hn::StoreU(hn::Add(start, sum[r][v]), d, y);
    }
  }
}

// The tile of exactly `rows` rows, found among 1 … kRows.
template <int kRows>
HWY_INLINE void MultiplyTileOf(int rows, const Tile& tile) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return MultiplyTile<kRows>(tile);
    MultiplyTileOf<kRows - 1>(rows, tile);
  }
}

// The last panel of a matrix whose columns do not fill it: the tile is worked out aside.
template <int kRows>
HWY_NOINLINE void MultiplyNarrowTile(int rows, const Tile& tile, int columns) {
  float aside[kRows * kPanelWidth], bias[kPanelWidth] = {};
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) aside[r * kPanelWidth + c] = tile.y[r * tile.y_stride + c];
    for (int c = columns; c < kPanelWidth; ++c) aside[r * kPanelWidth + c] = 0.0f;
  }
  if (tile.bias != nullptr) {
    for (int c = 0; c < columns; ++c) bias[c] = tile.bias[c];
  }
  Tile narrow = tile;
  narrow.y = aside;
  narrow.y_stride = kPanelWidth;
  narrow.bias = tile.bias != nullptr ? bias : nullptr;
  MultiplyTileOf<kRows>(rows, narrow);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) tile.y[r * tile.y_stride + c] = aside[r * kPanelWidth + c];
  }
}

void Multiply(const LinearTask& task) {
  if (task.rows < 1) return;
  const PackedMatrix& matrix = task.matrix;
  const ptrdiff_t padded = (matrix.num_outputs + kPanelWidth - 1) / kPanelWidth * kPanelWidth;
  // Tiles of nearly equal height, so that no thin one is left over.
  const int tiles = (task.rows + kTileRows - 1) / kTileRows;
  const int height = task.rows / tiles, higher = task.rows % tiles;
  for (int block = task.block_begin; block < task.block_end; ++block) {
    const int first = block * kInputBlock;
    const int inputs = Min(kInputBlock, matrix.num_inputs - first);
    const ptrdiff_t panel_size = static_cast<ptrdiff_t>(inputs) * kPanelWidth;
    // While a tile is computed its share of the next panel is fetched: nearly always the panel
    // behind this one.
    const ptrdiff_t ahead = (panel_size / tiles + 15) / 16 * 16;
    for (int p = task.panel_begin; p < task.panel_end; ++p) {
      Tile tile;
      tile.panel = matrix.data + first * padded + p * panel_size;
      tile.inputs = inputs;
      tile.x_stride = task.x_stride;
      tile.y_stride = task.y_stride;
      tile.accumulate = task.accumulate || block > task.block_begin;
      const int column = p * kPanelWidth;
      tile.bias = task.bias != nullptr && block == task.block_begin ? task.bias + column : nullptr;
      const int columns = Min(kPanelWidth, matrix.num_outputs - column);
      for (int t = 0, row = 0; t < tiles; ++t) {
        const int rows = height + (t < higher ? 1 : 0);
        const float* next = tile.panel + panel_size + t * ahead;
        for (ptrdiff_t i = 0; i < ahead; i += 16) __builtin_prefetch(next + i, 0, 2);
        tile.x = task.x + row * task.x_stride + (block - task.block_begin) * kInputBlock;
        tile.y = task.y + row * task.y_stride + (p - task.panel_begin) * kPanelWidth;
        if (columns == kPanelWidth) {
          MultiplyTileOf<kTileRows>(rows, tile);
        } else {
          MultiplyNarrowTile<kTileRows>(rows, tile, columns);
        }
        row += rows;
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::kernels {

HWY_EXPORT(PanelWidth);
HWY_EXPORT(Pack);
HWY_EXPORT(Multiply);

LinearKernels ActiveLinearKernels() {
  return {HWY_DYNAMIC_DISPATCH(PanelWidth), HWY_DYNAMIC_DISPATCH(Pack),
          HWY_DYNAMIC_DISPATCH(Multiply)};
}

}  // namespace strata::kernels
#endif
