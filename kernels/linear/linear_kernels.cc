// The product of rows with a packed matrix, written once over Highway for every target.
//
// Ours rather than oneDNN's or LibTorch's: a layer's token-wise half runs tile by tile in the
// caches (kernels/encoder), on one pool, with sums whose order does not depend on the number of
// rows. In float32 it reaches 88 to 90 % of the multiply-add peak on a Zen 3.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear/linear_kernels.cc"
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on
#include "kernels/linear/linear_kernels.h"

#include "kernels/linear/linear_pack-inl.h"
#include "kernels/linear/linear_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

template <class Tile>
HWY_INLINE void MultiplyTile(int rows, const Tile& tile, int columns) {
  if (columns == kPanelWidth) {
    MultiplyRows<kTileRows>(rows, tile);
  } else {
    MultiplyNarrow(rows, tile, columns);
  }
}

// So many rows are worked on at a time: their inputs of a block fit the second cache level.
constexpr int kMostRows = 144;

// Inputs of a block as the tiles read them.
struct BlockInputs {
  const float* x;  // float inputs, in place
  ptrdiff_t x_stride;
  const int16_t* integers;  // [rows, kInputBlock], kInt8 only
  const float* scales;      // [rows]
};

// Rows [row, row + rows) of the task against one panel of one block.
HWY_INLINE void MultiplyTileOf(const LinearTask& task, const BlockInputs& in, const void* panel,
                               const float* panel_scales, int inputs, int row, int rows,
                               int columns, const TileOut& out) {
  if (task.matrix.type == WeightType::kInt8) {
    MultiplyTile(rows,
                 IntegerTile{in.integers + static_cast<ptrdiff_t>(row) * kInputBlock, kInputBlock,
                             in.scales + row, static_cast<const int16_t*>(panel), panel_scales,
                             (inputs + 1) / 2, out},
                 columns);
  } else {
    MultiplyTile(rows,
                 FloatTile{in.x + row * in.x_stride, in.x_stride, static_cast<const float*>(panel),
                           inputs, out},
                 columns);
  }
}

// Of a task, rows × all panels of one block on the target's own vectors.
HWY_INLINE void MultiplyBlock(const LinearTask& task, int block, int rows, const float* x,
                              float* y) {
  const PackedMatrix& matrix = task.matrix;
  const int first = block * kInputBlock, inputs = Min(kInputBlock, matrix.num_inputs - first);
  alignas(64) int16_t integers[kMostRows * kInputBlock + HWY_LANES(int16_t)];
  float scales[kMostRows];
  const BlockInputs in{x + (block - task.block_begin) * kInputBlock, task.x_stride, integers,
                       scales};
  if (matrix.type == WeightType::kInt8) {
    for (int r = 0; r < rows; ++r) {
      scales[r] = Quantize(in.x + r * in.x_stride, inputs, integers + r * kInputBlock);
    }
  }
  const size_t panel_bytes = PanelBytes(matrix, inputs);
  const char* const block_data = static_cast<const char*>(matrix.data) + BlockOffset(matrix, block);
  // Tiles of nearly equal height, so that no thin one is left over.
  const int tiles = (rows + kTileRows - 1) / kTileRows;
  const int height = rows / tiles, higher = rows % tiles;
  // While a tile is computed its share of the next panel is fetched: nearly always the one behind
  // this.
  const size_t ahead = (panel_bytes / tiles + 63) / 64 * 64;
  alignas(64) float wide[kInputBlock * kPanelWidth];  // a panel in the type of the arithmetic
  for (int p = task.panel_begin; p < task.panel_end; ++p) {
    const char* const stored = block_data + p * panel_bytes;
    const void* panel = wide;
    if (matrix.type == WeightType::kFloat32) {
      panel = stored;
    } else if (matrix.type == WeightType::kBFloat16) {
      Widen(reinterpret_cast<const uint16_t*>(stored), PanelValues(matrix, inputs), wide);
    } else {
      Widen(reinterpret_cast<const int8_t*>(stored), PanelValues(matrix, inputs),
            reinterpret_cast<int16_t*>(wide));
    }
    const int column = p * kPanelWidth;
    const float* const panel_scales =
        matrix.scales == nullptr ? nullptr : matrix.scales + ScaleIndex(matrix, block, column);
    TileOut out;
    out.y_stride = task.y_stride;
    out.accumulate = task.accumulate || block > task.block_begin;
    out.bias = task.bias != nullptr && block == task.block_begin ? task.bias + column : nullptr;
    for (int t = 0, row = 0; t < tiles; ++t) {
      const int tile_rows = height + (t < higher ? 1 : 0);
      const char* const next = stored + panel_bytes + t * ahead;
      for (size_t i = 0; i < ahead; i += 64) __builtin_prefetch(next + i, 0, 2);
      out.y = y + row * task.y_stride + (p - task.panel_begin) * kPanelWidth;
      MultiplyTileOf(task, in, panel, panel_scales, inputs, row, tile_rows,
                     Min(kPanelWidth, matrix.num_outputs - column), out);
      row += tile_rows;
    }
  }
}

// --- on native tiles ---------------------------------------------------------------------------

// Rows of x as a native tile reads them, [rows, padded]; returns each row's scale in `scales`.
HWY_INLINE void ConvertInputs(const PackedMatrix& matrix, const float* x, ptrdiff_t x_stride,
                              int rows, int inputs, int padded, void* to, float* scales) {
  alignas(64) int16_t row[kInputBlock + HWY_LANES(int16_t)];
  for (int r = 0; r < rows; ++r) {
    const float* const from = x + r * x_stride;
    if (matrix.type == WeightType::kBFloat16) {
      uint16_t* values = static_cast<uint16_t*>(to) + static_cast<ptrdiff_t>(r) * padded;
      for (int i = 0; i < inputs; ++i) values[i] = ToBFloat16(from[i]);
      for (int i = inputs; i < padded; ++i) values[i] = 0;
      scales[r] = 1.0f;
    } else {
      scales[r] = Quantize(from, inputs, row);
      int8_t* values = static_cast<int8_t*>(to) + static_cast<ptrdiff_t>(r) * padded;
      // 128 more, seen as unsigned, is the top bit turned over.
      const int8_t flip = matrix.native->has_unsigned_inputs ? INT8_MIN : 0;
      for (int i = 0; i < inputs; ++i) values[i] = static_cast<int8_t>(row[i] ^ flip);
      for (int i = inputs; i < padded; ++i) values[i] = flip;
    }
  }
}

// y = start + scale · (sum - correction) for the rows of a native tile and one panel.
HWY_INLINE void WriteNativeSums(const float* HWY_RESTRICT sums, int rows, int columns,
                                const float* row_scales, const float* panel_scales,
                                const float* corrections, const TileOut& out) {
  const Floats d;
  for (int r = 0; r < rows; ++r) {
    const float* const sum = sums + r * NativeTile::kPanelWidth;
    float* const y = out.y + r * out.y_stride;
    int c = 0;
    for (; c + kLanes <= columns; c += kLanes) {
      Vector value = hn::Load(d, sum + c), scale = hn::Set(d, row_scales[r]);
      if (corrections != nullptr) value = hn::Sub(value, hn::LoadU(d, corrections + c));
      if (panel_scales != nullptr) scale = hn::Mul(scale, hn::LoadU(d, panel_scales + c));
      Vector start = out.accumulate ? hn::LoadU(d, y + c) : hn::Zero(d);
      if (out.bias != nullptr) start = hn::Add(start, hn::LoadU(d, out.bias + c));
      hn::StoreU(hn::MulAdd(value, scale, start), d, y + c);
    }
    for (; c < columns; ++c) {
      const float value = corrections != nullptr ? sum[c] - corrections[c] : sum[c];
      const float scale = panel_scales != nullptr ? row_scales[r] * panel_scales[c] : row_scales[r];
      float start = out.accumulate ? y[c] : 0.0f;
      if (out.bias != nullptr) start += out.bias[c];
      y[c] = __builtin_fmaf(value, scale, start);
    }
  }
}

// The same as MultiplyBlock, on native tiles.
HWY_INLINE void MultiplyNativeBlock(const LinearTask& task, int block, int rows, const float* x,
                                    float* y) {
  const PackedMatrix& matrix = task.matrix;
  const NativeTile& tile = *matrix.native;
  const PanelShape shape = ShapeOf(matrix);
  const int first = block * kInputBlock, inputs = Min(kInputBlock, matrix.num_inputs - first);
  const int padded = RoundUp(inputs, shape.step);
  constexpr int kMostTileRows = 32;
  alignas(64) char converted[(kMostRows + kMostTileRows) * kInputBlock * sizeof(uint16_t)];
  alignas(64) float sums[kMostTileRows * NativeTile::kPanelWidth];
  float row_scales[kMostRows];
  ConvertInputs(matrix, x + (block - task.block_begin) * kInputBlock, task.x_stride, rows, inputs,
                padded, converted, row_scales);
  const ptrdiff_t stride = static_cast<ptrdiff_t>(padded) * shape.value_size;
  const size_t panel_bytes = PanelBytes(matrix, inputs);
  const char* const panels = static_cast<const char*>(matrix.data) + BlockOffset(matrix, block);
  const bool has_scales = matrix.scales != nullptr;
  for (int p = task.panel_begin; p < task.panel_end; ++p) {
    const int column = p * shape.width;
    const float* const scales =
        has_scales ? matrix.scales + ScaleIndex(matrix, block, column) : nullptr;
    TileOut out;
    out.y_stride = task.y_stride;
    out.accumulate = task.accumulate || block > task.block_begin;
    out.bias = task.bias != nullptr && block == task.block_begin ? task.bias + column : nullptr;
    for (int row = 0; row < rows; row += tile.rows) {
      tile.multiply(converted + row * stride, stride, panels + p * panel_bytes,
                    padded / shape.together, sums);
      out.y = y + row * task.y_stride + (p - task.panel_begin) * shape.width;
      WriteNativeSums(sums, Min(tile.rows, rows - row),
                      Min(shape.width, matrix.num_outputs - column), row_scales + row, scales,
                      tile.has_unsigned_inputs ? scales + NumScales(matrix) : nullptr, out);
    }
  }
}

// -----------------------------------------------------------------------------------------------

void Multiply(const LinearTask& task) {
  const NativeTile* const native = task.matrix.native;
  if (native != nullptr && native->begin != nullptr) native->begin();
  for (int row = 0; row < task.rows; row += kMostRows) {
    const int rows = Min(kMostRows, task.rows - row);
    const float* const x = task.x + row * task.x_stride;
    float* const y = task.y + row * task.y_stride;
    for (int block = task.block_begin; block < task.block_end; ++block) {
      if (native != nullptr) {
        MultiplyNativeBlock(task, block, rows, x, y);
      } else {
        MultiplyBlock(task, block, rows, x, y);
      }
    }
  }
  if (native != nullptr && native->end != nullptr) native->end();
}

int PanelWidth(const PackedMatrix& matrix) { return ShapeOf(matrix).width; }

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::kernels {

HWY_EXPORT(PanelWidth);
HWY_EXPORT(PanelBytes);
HWY_EXPORT(Pack);
HWY_EXPORT(Multiply);

LinearKernels ActiveLinearKernels() {
  return {HWY_DYNAMIC_DISPATCH(PanelWidth), HWY_DYNAMIC_DISPATCH(PanelBytes),
          HWY_DYNAMIC_DISPATCH(Pack), HWY_DYNAMIC_DISPATCH(Multiply)};
}

}  // namespace strata::kernels
#endif
