// One tile of a product: some rows against one panel of one block, the sums held in registers.
// Compiled once per target (see linear_kernels.cc); everything is in HWY_NAMESPACE.
#if defined(STRATA_KERNELS_LINEAR_LINEAR_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_LINEAR_LINEAR_TILE_INL_H_
#undef STRATA_KERNELS_LINEAR_LINEAR_TILE_INL_H_
#else
#define STRATA_KERNELS_LINEAR_LINEAR_TILE_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

// A tile of sums: kTileRows × kTileVectors, with kTileVectors of the panel and one spread input
// beside them.
constexpr int kTileRows = kManyRegisters ? 12 : 6;
constexpr int kTileVectors = 2;
constexpr int kPanelWidth = kTileVectors * kLanes;

// Where a tile's results go.
struct TileOut {
  float* y;
  ptrdiff_t y_stride;
  const float* bias;  // [kPanelWidth] or null
  bool accumulate;
};

// y = start + scale · sum for one vector of a row.
HWY_INLINE void WriteSum(const TileOut& out, int row, int v, Vector sum, Vector scale) {
  const Floats d;
  float* y = out.y + row * out.y_stride + v * kLanes;
  Vector start = out.accumulate ? hn::LoadU(d, y) : hn::Zero(d);
  if (out.bias != nullptr) start = hn::Add(start, hn::LoadU(d, out.bias + v * kLanes));
  hn::StoreU(hn::MulAdd(sum, scale, start), d, y);
}

// Float inputs against a float panel [inputs, kPanelWidth]. A function of its own for each number
// of rows, as in every tile here: inlined into its caller g++ has no register left for the rows'
// pointers, and loads them from the stack in the innermost loop (a tenth of the speed).
struct FloatTile {
  const float* x;
  ptrdiff_t x_stride;
  const float* panel;
  int inputs;
  TileOut out;

  template <int kRows>
  HWY_NOINLINE void Multiply() const {
    const Floats d;
    // A pointer for each row: with one pointer and kRows strides g++ spills the strides.
    const float* row[kRows];
    Vector sum[kRows][kTileVectors];
    for (int r = 0; r < kRows; ++r) {
      row[r] = x + r * x_stride;
      __builtin_prefetch(out.y + r * out.y_stride, 1, 3);
      for (int v = 0; v < kTileVectors; ++v) sum[r][v] = hn::Zero(d);
    }
    const float* HWY_RESTRICT weights = panel;
#pragma GCC unroll 1
    for (ptrdiff_t k = 0; k < inputs; ++k) {
      Vector weight[kTileVectors];
      for (int v = 0; v < kTileVectors; ++v) weight[v] = hn::Load(d, weights + v * kLanes);
      weights += kPanelWidth;
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const Vector input = hn::Set(d, row[r][k]);
        for (int v = 0; v < kTileVectors; ++v) {
          sum[r][v] = hn::MulAdd(input, weight[v], sum[r][v]);
        }
      }
    }
    const Vector one = hn::Set(d, 1.0f);
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kTileVectors; ++v) WriteSum(out, r, v, sum[r][v], one);
    }
  }
};

#if HWY_TARGET != HWY_SCALAR
// sum (and, not on x86, more) + the products of pairs.
using Integers = hn::Vec<hn::RebindToSigned<Floats>>;
using Pairs = hn::Vec<hn::Repartition<int16_t, Floats>>;
HWY_INLINE Integers AddPairs(Pairs a, Pairs b, Integers sum, Integers& more) {
  const hn::RebindToSigned<Floats> di;
  Integers added = hn::ReorderWidenMulAccumulate(di, a, b, sum, more);
#if HWY_ARCH_X86 && HWY_COMPILER_GCC_ACTUAL
  // g++ 12 adds in a vector of another type than it keeps, and so keeps every sum twice; this makes
  // them one.
  __asm__("" : "+v"(added.raw));
#endif
  return added;
}
#endif

// 8-bit inputs, widened to 16, against a panel of 16-bit weights in pairs of inputs,
// [pairs, kPanelWidth, 2]; the sums are whole numbers and scaled at the end. Products of two 8-bit
// numbers fit 16 bits, those of a block 32.
struct IntegerTile {
  const int16_t* x;  // [rows, x_stride]
  ptrdiff_t x_stride;
  const float* x_scales;  // [rows]
  const int16_t* panel;
  const float* panel_scales;  // [kPanelWidth]
  int pairs;
  TileOut out;

  template <int kRows>
  HWY_NOINLINE void Multiply() const {
    const Floats d;
    const hn::RebindToSigned<Floats> di;
    for (int r = 0; r < kRows; ++r) __builtin_prefetch(out.y + r * out.y_stride, 1, 3);
#if HWY_TARGET == HWY_SCALAR
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kTileVectors; ++v) {
        int32_t sum = 0;
        for (int k = 0; k < 2 * pairs; ++k) {
          sum += x[r * x_stride + k] * panel[k / 2 * 2 * kPanelWidth + 2 * v + k % 2];
        }
        WriteSum(out, r, v, hn::Set(d, static_cast<float>(sum)),
                 hn::Set(d, x_scales[r] * panel_scales[v]));
      }
    }
    (void)di;
#else
    const hn::Repartition<int16_t, Floats> d16;
    const int16_t* row[kRows];
    // `more` is used where a vector of pairs does not add up in one instruction (not on x86).
    Integers sum[kRows][kTileVectors], more[kRows][kTileVectors];
    for (int r = 0; r < kRows; ++r) {
      row[r] = x + r * x_stride;
      for (int v = 0; v < kTileVectors; ++v) sum[r][v] = more[r][v] = hn::Zero(di);
    }
    const int16_t* HWY_RESTRICT weights = panel;
#pragma GCC unroll 1
    for (ptrdiff_t pair = 0; pair < pairs; ++pair) {
      hn::Vec<decltype(d16)> weight[kTileVectors];
      for (int v = 0; v < kTileVectors; ++v) weight[v] = hn::Load(d16, weights + 2 * v * kLanes);
      weights += 2 * kPanelWidth;
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        int32_t two;
        __builtin_memcpy(&two, row[r] + 2 * pair, sizeof(two));
        const auto input = hn::BitCast(d16, hn::Set(di, two));
        for (int v = 0; v < kTileVectors; ++v) {
          sum[r][v] = AddPairs(input, weight[v], sum[r][v], more[r][v]);
        }
      }
    }
    for (int v = 0; v < kTileVectors; ++v) {
      const Vector of_panel = hn::LoadU(d, panel_scales + v * kLanes);
      for (int r = 0; r < kRows; ++r) {
        const Vector scale = hn::Mul(of_panel, hn::Set(d, x_scales[r]));
        const auto total = hn::RearrangeToOddPlusEven(sum[r][v], more[r][v]);
        WriteSum(out, r, v, hn::ConvertTo(d, total), scale);
      }
    }
#endif
  }
};

// The tile of exactly `rows` rows, found among 1 … kRows.
template <int kRows, class Tile>
HWY_INLINE void MultiplyRows(int rows, const Tile& tile) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return tile.template Multiply<kRows>();
    MultiplyRows<kRows - 1>(rows, tile);
  }
}

// A panel whose `columns` columns do not fill it: the tile is worked out aside.
template <class Tile>
HWY_NOINLINE void MultiplyNarrow(int rows, const Tile& tile, int columns) {
  float aside[kTileRows * kPanelWidth], bias[kPanelWidth] = {};
  const TileOut& out = tile.out;
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < kPanelWidth; ++c) {
      const bool inside = out.accumulate && c < columns;
      aside[r * kPanelWidth + c] = inside ? out.y[r * out.y_stride + c] : 0.0f;
    }
  }
  for (int c = 0; c < columns && out.bias != nullptr; ++c) bias[c] = out.bias[c];
  Tile narrow = tile;
  narrow.out = {aside, kPanelWidth, out.bias != nullptr ? bias : nullptr, out.accumulate};
  MultiplyRows<kTileRows>(rows, narrow);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) out.y[r * out.y_stride + c] = aside[r * kPanelWidth + c];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#endif
