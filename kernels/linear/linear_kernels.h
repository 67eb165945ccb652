// What packed_linear.cc asks of a target: packing, and the product of some rows with a part of a
// packed matrix. Plain pointers only (see kernels/attention/attention_kernels.h for why).
//
// Layout of a packed matrix W [N, K]. Columns of y (rows of W) are cut into panels as wide as a
// tile of the microkernel, the sum over K into blocks of kInputBlock, so that one panel of one
// block (24 KB on AVX2) stays in the first cache level while all rows pass it:
//   float32, bfloat16: block b (inputs b·384 …), panel p, input k of the block, column c
//   int8:              block b, panel p, pair of inputs, column c, input of the pair
//   native (native_tile.h): block b, panel p, group of inputs, column c, input of the group
// Columns beyond N and inputs that fill up a pair or group are zero.
#ifndef STRATA_KERNELS_LINEAR_LINEAR_KERNELS_H_
#define STRATA_KERNELS_LINEAR_LINEAR_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "kernels/linear/native_tile.h"

namespace strata::kernels {

inline constexpr int kInputBlock = 384;

// What the weights of a linear map are kept as. Inputs, outputs and bias are float32 in all cases,
// and so is the arithmetic but for int8.
enum class WeightType : uint8_t {
  kFloat32,
  kBFloat16,  // rounded to nearest; widened a panel at a time
  kInt8,      // one scale for each block of inputs of an output; inputs are rounded to 8 bits, too,
              // with a scale for each block of a row; products summed in int32
};

// A packed matrix as the kernels see it.
struct PackedMatrix {
  WeightType type;
  const NativeTile* native;  // what multiplies it, or null: the target's own vectors
  const void* data;
  // kInt8: [blocks, N rounded up to whole panels], and for unsigned inputs as much again: what
  // their sums are too high. Else null.
  const float* scales;
  int num_outputs, num_inputs;  // N, K
};

// y[r, n] = start + Σ_k x[r, k] · W[n, k] for all rows r, the columns n of panels [panel_begin,
// panel_end) and the inputs k of blocks [block_begin, block_end). start: y[r, n] itself where
// `accumulate`, plus bias[n] where bias is not null, else 0. x points at the first input of
// block_begin, y at the first column of panel_begin, bias at output 0. Each sum runs over k in
// rising order, block by block, whatever the number of rows.
struct LinearTask {
  PackedMatrix matrix;
  const float* x;
  ptrdiff_t x_stride;
  int rows;
  int block_begin, block_end;
  int panel_begin, panel_end;
  float* y;
  ptrdiff_t y_stride;
  const float* bias;
  bool accumulate;
};

// `matrix` needs no data where only a size is asked for.
struct LinearKernels {
  int (*panel_width)(const PackedMatrix& matrix);
  // Bytes of one panel of a block of `inputs` inputs.
  size_t (*panel_bytes)(const PackedMatrix& matrix, int inputs);
  // Packs rows [row_begin, row_end) of W, the first a multiple of the panel's width, into `data`
  // and `scales`, those of `matrix`.
  void (*pack)(const float* weight, int row_begin, int row_end, const PackedMatrix& matrix,
               void* data, float* scales);
  void (*multiply)(const LinearTask& task);
};

// Those of the target in use. Call after SelectTarget().
LinearKernels ActiveLinearKernels();

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_LINEAR_LINEAR_KERNELS_H_
