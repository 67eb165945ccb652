// The definition of block-sparse attention: dense masked softmax attention in plain loops, sums in
// double. What the fast kernels are tested against, and what serves double tensors (gradcheck).
// O(n²) a document; nothing here is vectorised or threaded.
#ifndef STRATA_KERNELS_ATTENTION_BLOCK_SPARSE_ATTENTION_REFERENCE_H_
#define STRATA_KERNELS_ATTENTION_BLOCK_SPARSE_ATTENTION_REFERENCE_H_

#include <cstdint>

#include "kernels/attention/block_sparse_attention.h"
#include "kernels/plan/structure_plan.h"

namespace strata::kernels {

// Whether query x attends to key y: some family holds both. Both must be of one document.
bool ReferenceAttends(absl::Span<const int32_t> parents, int32_t x, int32_t y);

// Real: float or double. The tree must be valid (StructurePlan::Build accepted it) and the
// parameters, too; nothing is checked.
template <typename Real>
void ReferenceAttentionForward(const BasicAttentionParams<Real>& params, const TreeView& tree);
template <typename Real>
void ReferenceAttentionBackward(const BasicAttentionGradParams<Real>& params, const TreeView& tree);

// [H, n, n] as AttentionProbabilities describes.
void ReferenceAttentionProbabilities(const AttentionParams& params, const TreeView& tree, int64_t n,
                                     float* probabilities);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_ATTENTION_BLOCK_SPARSE_ATTENTION_REFERENCE_H_
