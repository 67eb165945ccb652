#include "models/layers/linear.h"

#include "kernels/launch/thread_pool.h"

namespace strata::models {

void NormalizeInPlace(const Norm& norm, NormKind kind, double epsilon, at::Tensor& x) {
  kernels::RowNorm row_norm;
  row_norm.kind = kind;
  row_norm.weight = norm.weight.const_data_ptr<float>();
  row_norm.bias = norm.bias.defined() ? norm.bias.const_data_ptr<float>() : nullptr;
  row_norm.epsilon = static_cast<float>(epsilon);
  row_norm.size = static_cast<int>(x.size(1));
  const int64_t stride = x.size(1);
  float* const rows = x.mutable_data_ptr<float>();
  constexpr int64_t kRowsPerTask = 256;
  kernels::SharedThreadPool()->ParallelForRows(
      x.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
        float* const first = rows + begin * stride;
        kernels::NormalizeRows(row_norm, first, stride, end - begin, first, stride);
      });
}

}  // namespace strata::models
