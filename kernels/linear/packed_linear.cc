#include "kernels/linear/packed_linear.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/launch/target.h"

namespace strata::kernels {
namespace {

constexpr int64_t kLargest = int64_t{1} << 24;

int PanelsFor(const PackedMatrix& matrix, int outputs) {
  const int width = ActiveLinearKernels().panel_width(matrix);
  return (outputs + width - 1) / width;
}

// So many columns at a time that rows of y stay in the second cache level over all blocks.
void MultiplyInSteps(LinearTask task) {
  const LinearKernels kernels = ActiveLinearKernels();
  const int end = task.panel_end, step = kInputBlock / kernels.panel_width(task.matrix);
  for (int begin = task.panel_begin; begin < end; begin += step) {
    task.panel_begin = begin;
    task.panel_end = std::min(end, begin + step);
    kernels.multiply(task);
    task.y += kInputBlock;
  }
}

}  // namespace

absl::StatusOr<PackedLinear> PackedLinear::Pack(const float* weight, const float* bias,
                                                int64_t num_outputs, int64_t num_inputs,
                                                WeightType type, ThreadPool& pool) {
  const absl::Status target = SelectTarget();
  if (!target.ok()) return target;
  return PackFor(ActiveNativeTile(type), weight, bias, num_outputs, num_inputs, type, pool);
}

absl::StatusOr<PackedLinear> PackedLinear::PackFor(const NativeTile* native, const float* weight,
                                                   const float* bias, int64_t num_outputs,
                                                   int64_t num_inputs, WeightType type,
                                                   ThreadPool& pool) {
  if (num_outputs < 1 || num_inputs < 1 || num_outputs > kLargest || num_inputs > kLargest) {
    return absl::InvalidArgumentError(absl::StrCat("linear: a weight of shape [", num_outputs, ", ",
                                                   num_inputs, "]; each size is 1 to ", kLargest));
  }
  if (weight == nullptr) return absl::InvalidArgumentError("linear: the weight is null");
  PackedLinear linear;
  linear.type_ = type;
  linear.native_ = native;
  linear.num_outputs_ = static_cast<int>(num_outputs);
  linear.num_inputs_ = static_cast<int>(num_inputs);
  const LinearKernels kernels = ActiveLinearKernels();
  const int width = kernels.panel_width(linear.matrix());
  const int panels = PanelsFor(linear.matrix(), linear.num_outputs_);
  for (int first = 0; first < linear.num_inputs_; first += kBlock) {
    const int inputs = std::min(kBlock, linear.num_inputs_ - first);
    linear.data_bytes_ +=
        panels * static_cast<int64_t>(kernels.panel_bytes(linear.matrix(), inputs));
  }
  linear.data_ = hwy::AllocateAligned<char>(linear.data_bytes_);
  if (linear.data_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("linear: no memory for ", linear.data_bytes_, " bytes of weights"));
  }
  if (type == WeightType::kInt8) {
    const int parts = native != nullptr && native->has_unsigned_inputs ? 2 : 1;
    linear.scales_.resize(static_cast<size_t>(parts) * linear.num_blocks() * panels * width);
  }
  const PackedMatrix matrix = linear.matrix();
  constexpr int kPanelsPerTask = 8;
  pool.ParallelFor((panels + kPanelsPerTask - 1) / kPanelsPerTask, [&](int64_t task, int) {
    const int begin = static_cast<int>(task) * kPanelsPerTask * width;
    kernels.pack(weight, begin, std::min(linear.num_outputs_, begin + kPanelsPerTask * width),
                 matrix, linear.data_.get(), linear.scales_.data());
  });
  if (bias != nullptr) linear.bias_.assign(bias, bias + num_outputs);
  return linear;
}

int64_t PackedLinear::size_bytes() const {
  return data_bytes_ + static_cast<int64_t>((scales_.size() + bias_.size()) * sizeof(float));
}

PackedMatrix PackedLinear::matrix() const {
  return {type_,        native_,    data_.get(), scales_.empty() ? nullptr : scales_.data(),
          num_outputs_, num_inputs_};
}

LinearTask PackedLinear::TaskOf(const LinearRows& rows) const {
  LinearTask task;
  task.matrix = matrix();
  task.x = rows.x;
  task.x_stride = rows.x_stride;
  task.rows = static_cast<int>(rows.rows);
  task.block_begin = 0;
  task.block_end = num_blocks();
  task.panel_begin = 0;
  task.panel_end = PanelsFor(task.matrix, num_outputs_);
  task.y = rows.y;
  task.y_stride = rows.y_stride;
  task.bias = bias_.empty() ? nullptr : bias_.data();
  task.accumulate = false;
  return task;
}

void PackedLinear::Apply(const LinearRows& rows, bool accumulate) const {
  LinearTask task = TaskOf(rows);
  task.accumulate = accumulate;
  MultiplyInSteps(task);
}

void PackedLinear::Apply(const LinearRows& rows, ThreadPool& pool) const {
  constexpr int64_t kMostRows = 120;
  const int64_t row_ranges = NumRanges(rows.rows, kMostRows, pool.size());
  const int output_ranges = (num_outputs_ + kBlock - 1) / kBlock;
  // As many pieces of the outputs as make work for all threads out of tiles that are not thin.
  const int64_t tiles = (rows.rows + kMostRows - 1) / kMostRows;
  const int64_t pieces = tiles >= pool.size() ? 1 : std::min<int64_t>(output_ranges, pool.size());
  const int64_t ranges = pieces == 1 ? row_ranges : tiles;
  pool.ParallelFor(ranges * pieces, [&](int64_t task, int) {
    const int64_t range = task / pieces, piece = task % pieces;
    const int64_t begin = rows.rows * range / ranges, end = rows.rows * (range + 1) / ranges;
    LinearRows part = rows;
    part.x += begin * rows.x_stride;
    part.y += begin * rows.y_stride;
    part.rows = end - begin;
    const int first = static_cast<int>(output_ranges * piece / pieces) * kBlock;
    const int last = static_cast<int>(output_ranges * (piece + 1) / pieces) * kBlock;
    part.y += first;
    ApplyToOutputs(part, first, std::min(last, num_outputs_));
  });
}

void PackedLinear::ApplyToOutputs(const LinearRows& rows, int begin, int end) const {
  LinearTask task = TaskOf(rows);
  task.panel_begin = begin / ActiveLinearKernels().panel_width(task.matrix);
  task.panel_end = PanelsFor(task.matrix, end);
  MultiplyInSteps(task);
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
