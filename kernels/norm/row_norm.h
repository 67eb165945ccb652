// Normalization of rows of float32.
#ifndef STRATA_KERNELS_NORM_ROW_NORM_H_
#define STRATA_KERNELS_NORM_ROW_NORM_H_

#include <cstdint>

namespace strata::kernels {

enum class NormKind : uint8_t {
  kLayerNorm,  // w · (x - mean) / sqrt(variance + epsilon) + b
  kRmsNorm,    // w · x / sqrt(mean(x²) + epsilon)
};

// One norm's parameters; borrowed.
struct RowNorm {
  NormKind kind = NormKind::kLayerNorm;
  const float* weight = nullptr;  // [size]
  const float* bias = nullptr;    // [size], or null
  float epsilon = 0;
  int size = 0;  // C
};

// out[r, :] = norm of x[r, :] for all rows; out may be x. Mean and variance in two passes, sums in
// an order that depends on the size only. Call after SelectTarget(). Thread-safe for distinct out.
void NormalizeRows(const RowNorm& norm, const float* x, int64_t x_stride, int64_t rows, float* out,
                   int64_t out_stride);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_NORM_ROW_NORM_H_
