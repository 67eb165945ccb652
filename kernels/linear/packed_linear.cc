#include "kernels/linear/packed_linear.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/launch/target.h"

namespace strata::kernels {
namespace {

constexpr int64_t kLargest = int64_t{1} << 24;

int PanelsFor(int outputs) {
  const int width = ActiveLinearKernels().panel_width();
  return (outputs + width - 1) / width;
}

}  // namespace

absl::StatusOr<PackedLinear> PackedLinear::Pack(const float* weight, const float* bias,
                                                int64_t num_outputs, int64_t num_inputs,
                                                ThreadPool& pool) {
  if (num_outputs < 1 || num_inputs < 1 || num_outputs > kLargest || num_inputs > kLargest) {
    return absl::InvalidArgumentError(absl::StrCat("linear: a weight of shape [", num_outputs, ", ",
                                                   num_inputs, "]; each size is 1 to ", kLargest));
  }
  if (weight == nullptr) return absl::InvalidArgumentError("linear: the weight is null");
  const absl::Status target = SelectTarget();
  if (!target.ok()) return target;

  const LinearKernels kernels = ActiveLinearKernels();
  const int width = kernels.panel_width();
  PackedLinear linear;
  linear.num_outputs_ = static_cast<int>(num_outputs);
  linear.num_inputs_ = static_cast<int>(num_inputs);
  const int panels = PanelsFor(linear.num_outputs_);
  linear.size_ = int64_t{panels} * width * num_inputs;
  linear.packed_ = hwy::AllocateAligned<float>(linear.size_);
  if (linear.packed_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("linear: no memory for ", linear.size_bytes(), " bytes of weights"));
  }
  constexpr int kPanelsPerTask = 8;
  pool.ParallelFor((panels + kPanelsPerTask - 1) / kPanelsPerTask, [&](int64_t task, int) {
    const int begin = static_cast<int>(task) * kPanelsPerTask * width;
    kernels.pack(weight, linear.num_outputs_, linear.num_inputs_, begin,
                 std::min(linear.num_outputs_, begin + kPanelsPerTask * width),
                 linear.packed_.get());
  });
  if (bias != nullptr) linear.bias_.assign(bias, bias + num_outputs);
  return linear;
}

LinearTask PackedLinear::TaskOf(const LinearRows& rows) const {
  LinearTask task;
  task.matrix = {packed_.get(), num_outputs_, num_inputs_};
  task.x = rows.x;
  task.x_stride = rows.x_stride;
  task.rows = rows.rows;
  task.block_begin = 0;
  task.block_end = num_blocks();
  task.panel_begin = 0;
  task.panel_end = PanelsFor(num_outputs_);
  task.y = rows.y;
  task.y_stride = rows.y_stride;
  task.bias = bias_.empty() ? nullptr : bias_.data();
  task.accumulate = false;
  return task;
}

void PackedLinear::Apply(const LinearRows& rows, bool accumulate) const {
  LinearTask task = TaskOf(rows);
  task.accumulate = accumulate;
  const LinearKernels kernels = ActiveLinearKernels();
  // So many columns at a time that rows of y stay in the second cache level over all blocks.
  const int panels = task.panel_end, step = kBlock / kernels.panel_width();
  for (int begin = 0; begin < panels; begin += step) {
    task.panel_begin = begin;
    task.panel_end = std::min(panels, begin + step);
    task.y = rows.y + int64_t{begin} * kernels.panel_width();
    kernels.multiply(task);
  }
}

void PackedLinear::ApplyToOutputs(const LinearRows& rows, int begin, int end) const {
  LinearTask task = TaskOf(rows);
  const LinearKernels kernels = ActiveLinearKernels();
  task.panel_begin = begin / kernels.panel_width();
  task.panel_end = PanelsFor(end);
  kernels.multiply(task);
}

void PackedLinear::AccumulateBlock(const LinearRows& rows, int block) const {
  LinearTask task = TaskOf(rows);
  task.block_begin = block;
  task.block_end = block + 1;
  task.accumulate = true;
  if (block > 0) task.bias = nullptr;
  ActiveLinearKernels().multiply(task);
}

}  // namespace strata::kernels
