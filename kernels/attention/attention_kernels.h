// What block_sparse_attention.cc asks of a target: the work of one item of a StructurePlan. Plain
// pointers only: no std container or Abseil type may reach code compiled for a target, where its
// weak inline functions would carry that target's instructions into the whole program.
#ifndef STRATA_KERNELS_ATTENTION_ATTENTION_KERNELS_H_
#define STRATA_KERNELS_ATTENTION_ATTENTION_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "kernels/attention/block_sparse_attention.h"
#include "kernels/plan/structure_plan.h"

namespace strata::kernels {

// The parts of a StructurePlan that an item needs.
struct PlanPointers {
  const Family* families;
  const int32_t* gather;
  const int32_t* partial_slots;
};

// I = tokens with a slot: those that have a parent and children, hence two partial results. That of
// their own family goes to the output row, that of their parent's family to the slot.
struct ForwardArgs {
  AttentionParams params;
  PlanPointers plan;
  float* partial_out;  // [I, H, D]
  float* partial_lse;  // [I, H]
  float* own_lse;      // [I, H]
};

struct BackwardArgs {
  AttentionGradParams params;
  PlanPointers plan;
  float* partial_grads;  // [I, 3, H, D]: dq, dk, dv
};

// Functions of one target. `scratch` is 64-byte aligned and holds at least the named number of
// floats.
struct ForwardKernels {
  const char* (*compiled_for)();  // Highway's name of the target
  void (*forward)(const ForwardArgs& args, const WorkItem& item, float* scratch);
  // Joins the partial results of slots [begin, end), whose tokens are given by `tokens`.
  void (*merge)(const ForwardArgs& args, const int32_t* tokens, int64_t begin, int64_t end);
};

struct BackwardKernels {
  void (*backward)(const BackwardArgs& args, const WorkItem& item, float* scratch);
  void (*merge)(const BackwardArgs& args, const int32_t* tokens, int64_t begin, int64_t end);
};

// Those of the target in use. Call after SelectTarget().
ForwardKernels ActiveForwardKernels();
BackwardKernels ActiveBackwardKernels();

// Floats of scratch that `forward` and `backward` need for a head size.
size_t ForwardScratchSize(int head_size);
size_t BackwardScratchSize(int head_size);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_ATTENTION_ATTENTION_KERNELS_H_
