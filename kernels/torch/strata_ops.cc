// Block-sparse attention as PyTorch operators, for Python too: torch.ops.load_library() of this
// library, then torch.ops.strata.block_sparse_attention(q, k, v, parents, cu_seqlens, scale).
//
//   q, k, v     [T, H, D] float32, float64, bfloat16 or float16 on the CPU
//   parents     [T] int32: index of each token's parent in the packed batch, -1 for a root
//   cu_seqlens  [B + 1] int32: where the documents begin, from 0 to T
//   → [T, H, D] softmax(scale · q kᵀ) v over the pairs of the trees (structure_plan.h)
//
// Differentiable once in q, k, v. The plan is built in each call, in time linear in the tokens.
// Shapes, dtypes and trees that do not fit raise RuntimeError with the reason.
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/autograd.h>
#include <torch/library.h>
#include <torch/types.h>

#include <string>
#include <tuple>

#include "kernels/plan/structure_plan.h"
#include "kernels/torch/block_sparse_attention_op.h"

namespace strata::kernels {
namespace {

using TwoTensors = std::tuple<at::Tensor, at::Tensor>;
using ThreeTensors = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

std::shared_ptr<const StructurePlan> PlanOf(const at::Tensor& parents,
                                            const at::Tensor& cu_seqlens) {
  for (const at::Tensor* tensor : {&parents, &cu_seqlens}) {
    TORCH_CHECK(tensor->dim() == 1 && tensor->scalar_type() == at::kInt && tensor->is_cpu(),
                "block-sparse attention: parents and cu_seqlens must be int32 vectors on the CPU");
  }
  const at::Tensor rows = parents.contiguous(), offsets = cu_seqlens.contiguous();
  const auto span = [](const at::Tensor& tensor) {
    return absl::MakeConstSpan(tensor.const_data_ptr<int32_t>(), tensor.numel());
  };
  auto plan = StructurePlan::Build({span(rows), span(offsets)});
  TORCH_CHECK(plan.ok(), std::string(plan.status().message()));
  return *std::move(plan);
}

TwoTensors ForwardCpu(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& parents, const at::Tensor& cu_seqlens, double scale) {
  return AttentionForward(q, k, v, *PlanOf(parents, cu_seqlens), scale);
}

ThreeTensors BackwardCpu(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v, const at::Tensor& out, const at::Tensor& lse,
                         const at::Tensor& parents, const at::Tensor& cu_seqlens, double scale) {
  return AttentionBackward(dout, q, k, v, out, lse, *PlanOf(parents, cu_seqlens), scale);
}

// Shapes and dtypes alone, for tracing and torch.compile.
TwoTensors ForwardMeta(const at::Tensor& q, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                       const at::Tensor&, double) {
  TORCH_CHECK(q.dim() == 3, "block-sparse attention: q must be [T, H, D]");
  const auto sums = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return {at::empty_symint({q.sym_size(0), q.sym_size(1), q.sym_size(2)}, q.options()),
          at::empty_symint({q.sym_size(0), q.sym_size(1)}, q.options().dtype(sums))};
}

ThreeTensors BackwardMeta(const at::Tensor&, const at::Tensor& q, const at::Tensor&,
                          const at::Tensor&, const at::Tensor&, const at::Tensor&,
                          const at::Tensor&, const at::Tensor&, double) {
  const auto like = [&] {
    return at::empty_symint({q.sym_size(0), q.sym_size(1), q.sym_size(2)}, q.options());
  };
  return {like(), like(), like()};
}

TwoTensors CallForward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& parents, const at::Tensor& cu_seqlens, double scale) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("strata::block_sparse_attention_forward", "")
                             .typed<decltype(ForwardCpu)>();
  return op.call(q, k, v, parents, cu_seqlens, scale);
}

ThreeTensors CallBackward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                          const at::Tensor& v, const at::Tensor& out, const at::Tensor& lse,
                          const at::Tensor& parents, const at::Tensor& cu_seqlens, double scale) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("strata::block_sparse_attention_backward", "")
                             .typed<decltype(BackwardCpu)>();
  return op.call(dout, q, k, v, out, lse, parents, cu_seqlens, scale);
}

class OperatorFunction : public torch::autograd::Function<OperatorFunction> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const at::Tensor& q, const at::Tensor& k,
                                                const at::Tensor& v, const at::Tensor& parents,
                                                const at::Tensor& cu_seqlens, double scale) {
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [out, lse] = CallForward(q, k, v, parents, cu_seqlens, scale);
    context->save_for_backward({q, k, v, out, lse, parents, cu_seqlens});
    context->saved_data["scale"] = scale;
    context->mark_non_differentiable({lse});
    return {out, lse};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    auto [dq, dk, dv] = CallBackward(grads[0], saved[0], saved[1], saved[2], saved[3], saved[4],
                                     saved[5], saved[6], context->saved_data["scale"].toDouble());
    return {dq, dk, dv, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

TwoTensors ForwardAutograd(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const at::Tensor& parents, const at::Tensor& cu_seqlens, double scale) {
  const auto results = OperatorFunction::apply(q, k, v, parents, cu_seqlens, scale);
  return {results[0], results[1]};
}

at::Tensor Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& parents, const at::Tensor& cu_seqlens, double scale) {
  return std::get<0>(CallForward(q, k, v, parents, cu_seqlens, scale));
}

}  // namespace

TORCH_LIBRARY(strata, library) {
  library.def(
      "block_sparse_attention(Tensor q, Tensor k, Tensor v, Tensor parents, Tensor cu_seqlens, "
      "float scale) -> Tensor",
      Attention);
  library.def(
      "block_sparse_attention_forward(Tensor q, Tensor k, Tensor v, Tensor parents, Tensor "
      "cu_seqlens, float scale) -> (Tensor out, Tensor lse)");
  library.def(
      "block_sparse_attention_backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, "
      "Tensor lse, Tensor parents, Tensor cu_seqlens, float scale) -> (Tensor dq, Tensor dk, "
      "Tensor dv)");
}

TORCH_LIBRARY_IMPL(strata, CPU, library) {
  library.impl("block_sparse_attention_forward", ForwardCpu);
  library.impl("block_sparse_attention_backward", BackwardCpu);
}

TORCH_LIBRARY_IMPL(strata, Meta, library) {
  library.impl("block_sparse_attention_forward", ForwardMeta);
  library.impl("block_sparse_attention_backward", BackwardMeta);
}

TORCH_LIBRARY_IMPL(strata, Autograd, library) {
  library.impl("block_sparse_attention_forward", ForwardAutograd);
}

}  // namespace strata::kernels
