// What packed_linear.cc asks of a target: packing, and the product of some rows with a part of a
// packed matrix. Plain pointers only (see kernels/attention/attention_kernels.h for why).
//
// Layout of a packed matrix W [N, K]. Columns of y (rows of W) are cut into panels as wide as a
// tile of the microkernel, the sum over K into blocks of kInputBlock, so that one panel of one
// block (24 KB on AVX2) stays in the first cache level while all rows pass it:
//   block b (inputs b·384 …), panel p, input k of the block, column c of the panel.
// Columns beyond N are zero. A block is num_panels · its inputs · panel_width floats.
#ifndef STRATA_KERNELS_LINEAR_LINEAR_KERNELS_H_
#define STRATA_KERNELS_LINEAR_LINEAR_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace strata::kernels {

inline constexpr int kInputBlock = 384;

// A packed matrix as the kernels see it.
struct PackedMatrix {
  const float* data;
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

struct LinearKernels {
  int (*panel_width)();
  // Packs rows [row_begin, row_end) of W, the first a multiple of panel_width(), into `packed`.
  void (*pack)(const float* weight, int num_outputs, int num_inputs, int row_begin, int row_end,
               float* packed);
  void (*multiply)(const LinearTask& task);
};

// Those of the target in use. Call after SelectTarget().
LinearKernels ActiveLinearKernels();

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_LINEAR_LINEAR_KERNELS_H_
