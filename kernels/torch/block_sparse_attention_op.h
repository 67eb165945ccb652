// Block-sparse attention on tensors, with gradients.
#ifndef STRATA_KERNELS_TORCH_BLOCK_SPARSE_ATTENTION_OP_H_
#define STRATA_KERNELS_TORCH_BLOCK_SPARSE_ATTENTION_OP_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <tuple>

#include "kernels/launch/thread_pool.h"
#include "kernels/plan/structure_plan.h"

namespace strata::kernels {

// softmax(scale · q kᵀ) v over the pairs of `plan`, [T, H, D]; see
// kernels/attention/block_sparse_attention.h. q, k, v: [T, H, D], CPU, one dtype, heads and head
// size contiguous (stride(1) = D, stride(2) = 1); stride(0) is free, so they may be slices of one
// packed [T, 3, H, D] projection, read in place; other layouts are copied. The result is
// contiguous, in the dtype of q. float32 runs on the vectorised kernels; bfloat16 and float16 are
// converted to float32 and back; float64 takes the dense reference (for gradcheck). Differentiable
// once in q, k, v. Runs on SharedThreadPool(). Throws c10::Error (as ATen does) where shapes,
// dtypes or the plan's number of tokens do not fit, or the kernel refuses (head size,
// STRATA_TARGET).
at::Tensor BlockSparseAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                std::shared_ptr<const StructurePlan> plan, double scale);

// The two passes without autograd, with the same arguments and errors: {out, lse} with lse [T, H]
// in float32 (float64 for float64), and {dq, dk, dv}, each contiguous and in the dtype of q.
std::tuple<at::Tensor, at::Tensor> AttentionForward(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v, const StructurePlan& plan,
                                                    double scale);
std::tuple<at::Tensor, at::Tensor, at::Tensor> AttentionBackward(
    const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const at::Tensor& out, const at::Tensor& lse, const StructurePlan& plan, double scale);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_TORCH_BLOCK_SPARSE_ATTENTION_OP_H_
