#include "kernels/attention/block_sparse_attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/attention/attention_kernels.h"
#include "kernels/attention/block_sparse_attention_reference.h"
#include "kernels/launch/target.h"
#include "kernels/launch/workspace.h"

namespace strata::kernels {
namespace {

absl::Status CheckSizes(int num_heads, int head_size, double scale) {
  if (num_heads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention: num_heads is ", num_heads, "; at least 1"));
  }
  if (head_size < 1 || head_size > kMaxHeadSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention: head_size is ", head_size, "; 1 to ", kMaxHeadSize));
  }
  if (!std::isfinite(scale)) {
    return absl::InvalidArgumentError("attention: scale is not a finite number");
  }
  return SelectTarget();
}

// A [T, H, D] argument; an empty batch may pass null.
absl::Status CheckRows(const char* name, const void* data, int64_t stride, int64_t row_size,
                       const StructurePlan& plan) {
  if (plan.num_tokens() == 0) return absl::OkStatus();
  if (data == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention: ", name, " is null; ", plan.num_tokens(), " rows are needed"));
  }
  if (stride < row_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention: ", name, "_stride is ", stride,
                     ", less than num_heads * head_size = ", row_size));
  }
  return absl::OkStatus();
}

PlanPointers PointersOf(const StructurePlan& plan) {
  return {plan.families().data(), plan.gather().data(), plan.partial_slots().data()};
}

// RESOURCE_EXHAUSTED: no memory for the scratch of a thread; the output is then incomplete.
absl::Status RunItems(absl::Span<const WorkItem> items, size_t scratch_size, ThreadPool& pool,
                      absl::FunctionRef<void(const WorkItem&, float*)> run) {
  std::atomic<bool> has_memory = true;
  pool.ParallelFor(static_cast<int64_t>(items.size()), [&](int64_t task, int) {
    float* const scratch = Workspace::OfThisThread().Floats(scratch_size);
    if (scratch == nullptr) {
      has_memory = false;
    } else {
      run(items[task], scratch);
    }
  });
  return has_memory ? absl::OkStatus() : NoMemory(static_cast<int64_t>(scratch_size));
}

void ForSlotRanges(int64_t num_slots, ThreadPool& pool,
                   absl::FunctionRef<void(int64_t, int64_t)> run) {
  constexpr int64_t kSlotsPerTask = 64;  // some 20 µs of 12 heads
  pool.ParallelFor((num_slots + kSlotsPerTask - 1) / kSlotsPerTask, [&](int64_t task, int) {
    run(task * kSlotsPerTask, std::min(num_slots, (task + 1) * kSlotsPerTask));
  });
}

}  // namespace

absl::Status BlockSparseAttentionForward(const AttentionParams& params, const StructurePlan& plan,
                                         ThreadPool& pool) {
  absl::Status status = CheckSizes(params.num_heads, params.head_size, params.scale);
  const int64_t row_size = int64_t{params.num_heads} * params.head_size;
  status.Update(CheckRows("q", params.q, params.q_stride, row_size, plan));
  status.Update(CheckRows("k", params.k, params.k_stride, row_size, plan));
  status.Update(CheckRows("v", params.v, params.v_stride, row_size, plan));
  status.Update(CheckRows("out", params.out, params.out_stride, row_size, plan));
  if (!status.ok()) return status;

  const ForwardKernels kernels = ActiveForwardKernels();
  const int64_t num_slots = static_cast<int64_t>(plan.partial_tokens().size());
  const int64_t partial_size = num_slots * (row_size + 2 * params.num_heads);
  const auto partials = AllocateFloats(partial_size);
  if (partials == nullptr) return NoMemory(partial_size);
  ForwardArgs args{params, PointersOf(plan)};
  args.partial_out = partials.get();
  args.partial_lse = args.partial_out + num_slots * row_size;
  args.own_lse = args.partial_lse + num_slots * params.num_heads;
  status =
      RunItems(plan.forward_items(), ForwardScratchSize(params.head_size), pool,
               [&](const WorkItem& item, float* scratch) { kernels.forward(args, item, scratch); });
  if (!status.ok()) return status;
  ForSlotRanges(num_slots, pool, [&](int64_t begin, int64_t end) {
    kernels.merge(args, plan.partial_tokens().data(), begin, end);
  });
  return absl::OkStatus();
}

absl::Status BlockSparseAttentionBackward(const AttentionGradParams& params,
                                          const StructurePlan& plan, ThreadPool& pool) {
  absl::Status status = CheckSizes(params.num_heads, params.head_size, params.scale);
  const int64_t row_size = int64_t{params.num_heads} * params.head_size;
  status.Update(CheckRows("q", params.q, params.q_stride, row_size, plan));
  status.Update(CheckRows("k", params.k, params.k_stride, row_size, plan));
  status.Update(CheckRows("v", params.v, params.v_stride, row_size, plan));
  status.Update(CheckRows("out", params.out, params.out_stride, row_size, plan));
  status.Update(CheckRows("dout", params.dout, params.dout_stride, row_size, plan));
  status.Update(CheckRows("dq", params.dq, params.dq_stride, row_size, plan));
  status.Update(CheckRows("dk", params.dk, params.dk_stride, row_size, plan));
  status.Update(CheckRows("dv", params.dv, params.dv_stride, row_size, plan));
  status.Update(CheckRows("lse", params.lse, params.num_heads, params.num_heads, plan));
  if (!status.ok()) return status;

  const BackwardKernels kernels = ActiveBackwardKernels();
  const int64_t num_slots = static_cast<int64_t>(plan.partial_tokens().size());
  const auto partials = AllocateFloats(num_slots * 3 * row_size);
  if (partials == nullptr) return NoMemory(num_slots * 3 * row_size);
  const BackwardArgs args{params, PointersOf(plan), partials.get()};
  status = RunItems(
      plan.backward_items(), BackwardScratchSize(params.head_size), pool,
      [&](const WorkItem& item, float* scratch) { kernels.backward(args, item, scratch); });
  if (!status.ok()) return status;
  ForSlotRanges(num_slots, pool, [&](int64_t begin, int64_t end) {
    kernels.merge(args, plan.partial_tokens().data(), begin, end);
  });
  return absl::OkStatus();
}

absl::Status AttentionProbabilities(const AttentionParams& params, const StructurePlan& plan,
                                    int64_t n, float* probabilities) {
  absl::Status status = CheckSizes(params.num_heads, params.head_size, params.scale);
  const int64_t row_size = int64_t{params.num_heads} * params.head_size;
  status.Update(CheckRows("q", params.q, params.q_stride, row_size, plan));
  status.Update(CheckRows("k", params.k, params.k_stride, row_size, plan));
  if (n < plan.num_tokens()) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "attention probabilities: n is ", n, " but the batch has ", plan.num_tokens(), " tokens")));
  }
  if (probabilities == nullptr && n > 0) {
    status.Update(absl::InvalidArgumentError("attention probabilities: the output is null"));
  }
  if (!status.ok()) return status;
  ReferenceAttentionProbabilities(params, plan.tree(), n, probabilities);
  return absl::OkStatus();
}

}  // namespace strata::kernels
