#include "kernels/torch/block_sparse_attention_op.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "kernels/attention/block_sparse_attention.h"
#include "kernels/attention/block_sparse_attention_reference.h"

namespace strata::kernels {
namespace {

// Heads and head size contiguous; tokens any stride that does not overlap.
at::Tensor RowsContiguous(const at::Tensor& tensor) {
  const int64_t row_size = tensor.size(1) * tensor.size(2);
  const bool rows = (tensor.size(2) == 1 || tensor.stride(2) == 1) &&
                    (tensor.size(1) == 1 || tensor.stride(1) == tensor.size(2)) &&
                    (tensor.size(0) <= 1 || tensor.stride(0) >= row_size);
  return rows ? tensor : tensor.contiguous();
}

int64_t TokenStride(const at::Tensor& tensor) {
  return tensor.size(0) <= 1 ? tensor.size(1) * tensor.size(2) : tensor.stride(0);
}

void ThrowIfError(const absl::Status& status) {
  TORCH_CHECK(status.ok(), std::string(status.message()));
}

template <typename Real>
void Forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
             const StructurePlan& plan, double scale, at::Tensor& out, at::Tensor lse) {
  BasicAttentionParams<Real> params;
  params.q = q.const_data_ptr<Real>();
  params.k = k.const_data_ptr<Real>();
  params.v = v.const_data_ptr<Real>();
  params.out = out.mutable_data_ptr<Real>();
  params.lse = lse.defined() ? lse.mutable_data_ptr<Real>() : nullptr;
  params.q_stride = TokenStride(q);
  params.k_stride = TokenStride(k);
  params.v_stride = TokenStride(v);
  params.out_stride = TokenStride(out);
  params.num_heads = static_cast<int>(q.size(1));
  params.head_size = static_cast<int>(q.size(2));
  params.scale = static_cast<Real>(scale);
  if constexpr (std::is_same_v<Real, float>) {
    ThrowIfError(BlockSparseAttentionForward(params, plan, *SharedThreadPool()));
  } else {
    ReferenceAttentionForward(params, plan.tree());
  }
}

template <typename Real>
void Backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& out,
              const at::Tensor& lse, const at::Tensor& dout, const StructurePlan& plan,
              double scale, at::Tensor& dq, at::Tensor& dk, at::Tensor& dv) {
  BasicAttentionGradParams<Real> params;
  params.q = q.const_data_ptr<Real>();
  params.k = k.const_data_ptr<Real>();
  params.v = v.const_data_ptr<Real>();
  params.out = out.const_data_ptr<Real>();
  params.lse = lse.const_data_ptr<Real>();
  params.dout = dout.const_data_ptr<Real>();
  params.dq = dq.mutable_data_ptr<Real>();
  params.dk = dk.mutable_data_ptr<Real>();
  params.dv = dv.mutable_data_ptr<Real>();
  params.q_stride = TokenStride(q);
  params.k_stride = TokenStride(k);
  params.v_stride = TokenStride(v);
  params.out_stride = TokenStride(out);
  params.dout_stride = TokenStride(dout);
  params.dq_stride = TokenStride(dq);
  params.dk_stride = TokenStride(dk);
  params.dv_stride = TokenStride(dv);
  params.num_heads = static_cast<int>(q.size(1));
  params.head_size = static_cast<int>(q.size(2));
  params.scale = static_cast<Real>(scale);
  if constexpr (std::is_same_v<Real, float>) {
    ThrowIfError(BlockSparseAttentionBackward(params, plan, *SharedThreadPool()));
  } else {
    ReferenceAttentionBackward(params, plan.tree());
  }
}

// `out` is made here; `lse` may be undefined where no gradient will be asked for.
at::Tensor ForwardOfDtype(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const StructurePlan& plan, double scale, const at::Tensor& lse) {
  at::Tensor out = at::empty({q.size(0), q.size(1), q.size(2)}, q.options());
  if (q.scalar_type() == at::kDouble) {
    Forward<double>(q, k, v, plan, scale, out, lse);
  } else {
    Forward<float>(q, k, v, plan, scale, out, lse);
  }
  return out;
}

// Carries the plan through autograd's saved data, which holds only IValues.
struct PlanHolder : torch::CustomClassHolder {
  explicit PlanHolder(std::shared_ptr<const StructurePlan> held) : plan(std::move(held)) {}
  std::shared_ptr<const StructurePlan> plan;
};

// q, k, v arrive as float32 or float64; conversions from other dtypes are ATen's, outside.
class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& q_in,
                            const at::Tensor& k_in, const at::Tensor& v_in,
                            const std::shared_ptr<const StructurePlan>& plan, double scale) {
    const at::Tensor q = RowsContiguous(q_in), k = RowsContiguous(k_in), v = RowsContiguous(v_in);
    const at::Tensor lse = at::empty({q.size(0), q.size(1)}, q.options());
    const at::Tensor out = ForwardOfDtype(q, k, v, *plan, scale, lse);
    context->save_for_backward({q, k, v, out, lse});
    context->saved_data["plan"] = c10::IValue::make_capsule(c10::make_intrusive<PlanHolder>(plan));
    context->saved_data["scale"] = scale;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &lse = saved[4];
    const auto holder =
        c10::static_intrusive_pointer_cast<PlanHolder>(context->saved_data["plan"].toCapsule());
    const double scale = context->saved_data["scale"].toDouble();
    const at::Tensor dout = RowsContiguous(grads[0]);
    // One buffer for the three, so that their gradient flows into a packed projection as one.
    at::Tensor packed = at::empty({q.size(0), 3, q.size(1), q.size(2)}, q.options());
    at::Tensor dq = packed.select(1, 0), dk = packed.select(1, 1), dv = packed.select(1, 2);
    if (q.scalar_type() == at::kDouble) {
      Backward<double>(q, k, v, out, lse, dout, *holder->plan, scale, dq, dk, dv);
    } else {
      Backward<float>(q, k, v, out, lse, dout, *holder->plan, scale, dq, dk, dv);
    }
    return {dq, dk, dv, at::Tensor(), at::Tensor()};
  }
};

void CheckArguments(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const StructurePlan& plan) {
  TORCH_CHECK(q.dim() == 3, "block-sparse attention: q must be [T, H, D], got ", q.sizes());
  TORCH_CHECK(q.sizes() == k.sizes() && q.sizes() == v.sizes(),
              "block-sparse attention: q, k and v differ in shape: ", q.sizes(), ", ", k.sizes(),
              ", ", v.sizes());
  TORCH_CHECK(q.size(0) == plan.num_tokens(), "block-sparse attention: q has ", q.size(0),
              " tokens but the plan ", plan.num_tokens());
  TORCH_CHECK(q.device().is_cpu() && k.device().is_cpu() && v.device().is_cpu(),
              "block-sparse attention: q, k and v must be on the CPU");
  const at::ScalarType dtype = q.scalar_type();
  TORCH_CHECK(k.scalar_type() == dtype && v.scalar_type() == dtype,
              "block-sparse attention: q, k and v differ in dtype");
  TORCH_CHECK(
      dtype == at::kFloat || dtype == at::kDouble || dtype == at::kBFloat16 || dtype == at::kHalf,
      "block-sparse attention: dtype ", dtype, "; float32, float64, bfloat16 or float16");
}

at::ScalarType ComputeType(const at::Tensor& q) {
  return q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

at::Tensor RowsOfType(const at::Tensor& tensor, at::ScalarType type) {
  return RowsContiguous(tensor.to(type));
}

}  // namespace

at::Tensor BlockSparseAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                std::shared_ptr<const StructurePlan> plan, double scale) {
  TORCH_CHECK(plan != nullptr, "block-sparse attention: the plan is null");
  CheckArguments(q, k, v, *plan);
  const at::ScalarType compute = ComputeType(q);
  const bool needs_grad =
      at::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad());
  if (needs_grad) {
    return AttentionFunction::apply(q.to(compute), k.to(compute), v.to(compute), plan, scale)
        .to(q.scalar_type());
  }
  return ForwardOfDtype(RowsOfType(q, compute), RowsOfType(k, compute), RowsOfType(v, compute),
                        *plan, scale, at::Tensor())
      .to(q.scalar_type());
}

std::tuple<at::Tensor, at::Tensor> AttentionForward(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v, const StructurePlan& plan,
                                                    double scale) {
  CheckArguments(q, k, v, plan);
  const at::ScalarType compute = ComputeType(q);
  const at::Tensor lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(compute));
  const at::Tensor out = ForwardOfDtype(RowsOfType(q, compute), RowsOfType(k, compute),
                                        RowsOfType(v, compute), plan, scale, lse);
  return {out.to(q.scalar_type()), lse};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> AttentionBackward(
    const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const at::Tensor& out, const at::Tensor& lse, const StructurePlan& plan, double scale) {
  CheckArguments(q, k, v, plan);
  CheckArguments(q, dout, out, plan);
  const at::ScalarType compute = ComputeType(q);
  TORCH_CHECK(lse.sizes() == at::IntArrayRef({q.size(0), q.size(1)}) && lse.is_cpu() &&
                  lse.scalar_type() == compute,
              "block-sparse attention: lse must be [T, H] as the forward pass gave it");
  const auto options = q.options().dtype(compute);
  at::Tensor dq = at::empty(q.sizes(), options), dk = at::empty(q.sizes(), options),
             dv = at::empty(q.sizes(), options);
  const auto run = [&](auto real) {
    Backward<decltype(real)>(RowsOfType(q, compute), RowsOfType(k, compute), RowsOfType(v, compute),
                             RowsOfType(out, compute), lse.contiguous(), RowsOfType(dout, compute),
                             plan, scale, dq, dk, dv);
  };
  if (compute == at::kDouble) {
    run(double{});
  } else {
    run(float{});
  }
  const at::ScalarType dtype = q.scalar_type();
  return {dq.to(dtype), dk.to(dtype), dv.to(dtype)};
}

}  // namespace strata::kernels
