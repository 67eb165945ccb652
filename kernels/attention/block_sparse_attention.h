// Block-sparse attention over a packed batch: every token attends to the families of its
// StructurePlan, softmax(scale · q kᵀ) v over exactly those pairs, forward and backward.
// Source: HDT (arXiv 2407.08330), hierarchical attention; the pairs come from the tree (see
// kernels/plan/structure_plan.h), at any depth, with no padding and no n×n buffer.
#ifndef STRATA_KERNELS_ATTENTION_BLOCK_SPARSE_ATTENTION_H_
#define STRATA_KERNELS_ATTENTION_BLOCK_SPARSE_ATTENTION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/launch/thread_pool.h"
#include "kernels/plan/structure_plan.h"

namespace strata::kernels {

inline constexpr int kMaxHeadSize = 256;

// T, H, D: packed tokens, heads, head size. Row t of q is the H·D floats at q + t · q_stride, head
// after head; so q, k, v may be slices of one packed [T, 3, H, D] projection with stride 3·H·D.
// No alignment is asked for. Outputs must not overlap inputs or each other.
template <typename Real>
struct BasicAttentionParams {
  const Real* q = nullptr;
  const Real* k = nullptr;
  const Real* v = nullptr;
  Real* out = nullptr;
  Real* lse = nullptr;  // [T, H] natural log of the sum of exp(scale · q kᵀ), or null
  int64_t q_stride = 0, k_stride = 0, v_stride = 0,
          out_stride = 0;  // elements between tokens, ≥ H·D
  int num_heads = 0;
  int head_size = 0;  // 1 … kMaxHeadSize; multiples of 16 are fastest
  Real scale = 1;     // usually 1/sqrt(D)
};

// As given to and got from the forward pass, with the gradient of `out`; dq, dk, dv are written
// whole.
template <typename Real>
struct BasicAttentionGradParams {
  const Real* q = nullptr;
  const Real* k = nullptr;
  const Real* v = nullptr;
  const Real* out = nullptr;
  const Real* lse = nullptr;  // [T, H] of the forward pass
  const Real* dout = nullptr;
  Real* dq = nullptr;
  Real* dk = nullptr;
  Real* dv = nullptr;
  int64_t q_stride = 0, k_stride = 0, v_stride = 0, out_stride = 0, dout_stride = 0;
  int64_t dq_stride = 0, dk_stride = 0, dv_stride = 0;
  int num_heads = 0;
  int head_size = 0;
  Real scale = 1;
};

using AttentionParams = BasicAttentionParams<float>;
using AttentionGradParams = BasicAttentionGradParams<float>;

// Writes every row of `out` (and `lse`) once. O(pairs · H · D) time; memory beyond the arguments is
// one tile a thread and one row for each token that has both a parent and children.
// INVALID_ARGUMENT, before anything is read: a null pointer, head_size or num_heads out of range, a
// stride below H·D, a scale that is not finite, a STRATA_TARGET that this processor lacks.
// RESOURCE_EXHAUSTED: no memory for scratch; the output is then incomplete.
// Thread-safe for distinct outputs. On one target, a document's rows are bit-equal alone, in any
// batch and for any pool size: the order of every sum follows from its own tree.
absl::Status BlockSparseAttentionForward(const AttentionParams& params, const StructurePlan& plan,
                                         ThreadPool& pool);

// Gradients of the forward pass; the same promises and errors. No atomics: each family writes its
// share of dq, dk, dv, and rows that lie in two families are added up in a second pass.
absl::Status BlockSparseAttentionBackward(const AttentionGradParams& params,
                                          const StructurePlan& plan, ThreadPool& pool);

// The softmax probabilities of every token, for reports and golden cases: probabilities[h, x, y] of
// [H, n, n], 0 where x does not attend to y and beyond T. Dense: small inputs only. Reads q, k,
// their strides, num_heads, head_size and scale. INVALID_ARGUMENT: as above, or T > n.
absl::Status AttentionProbabilities(const AttentionParams& params, const StructurePlan& plan,
                                    int64_t n, float* probabilities);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_ATTENTION_BLOCK_SPARSE_ATTENTION_H_
