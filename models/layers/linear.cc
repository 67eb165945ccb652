#include "models/layers/linear.h"

#include <utility>
#include <vector>

#include "kernels/launch/thread_pool.h"

namespace strata::models {

absl::Status PackForInference(Linear& linear, kernels::WeightType type) {
  const at::Tensor weight = linear.weight.contiguous();
  auto packed = kernels::PackedLinear::Pack(
      weight.const_data_ptr<float>(),
      linear.bias.defined() ? linear.bias.contiguous().const_data_ptr<float>() : nullptr,
      weight.size(0), weight.size(1), type, *kernels::SharedThreadPool());
  if (!packed.ok()) return packed.status();
  linear = Linear();
  linear.packed = std::make_shared<const kernels::PackedLinear>(*std::move(packed));
  return absl::OkStatus();
}

at::Tensor Apply(const Linear& linear, const at::Tensor& x) {
  if (linear.packed == nullptr) return at::linear(x, linear.weight, linear.bias);
  const int64_t inputs = linear.packed->num_inputs(), outputs = linear.packed->num_outputs();
  const at::Tensor rows = x.reshape({-1, inputs}).contiguous();
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = outputs;
  at::Tensor y = at::empty(shape, x.options());
  linear.packed->Apply(
      {rows.const_data_ptr<float>(), inputs, y.mutable_data_ptr<float>(), outputs, rows.size(0)},
      *kernels::SharedThreadPool());
  return y;
}

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
