#include "models/layers/tree_pass.h"

#include "kernels/torch/block_sparse_attention_op.h"

namespace strata::models {

at::Tensor TreePass::Attend(const at::Tensor& qkv) const {
  const at::Tensor heads = qkv.view({qkv.size(0), 3, num_heads_, head_size_});
  return kernels::BlockSparseAttention(heads.select(1, 0), heads.select(1, 1), heads.select(1, 2),
                                       plan_, scale_)
      .reshape({qkv.size(0), int64_t{num_heads_} * head_size_});
}

absl::Status TreePass::Apply(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                             at::Tensor& hidden) {
  if (layer.packed == nullptr) {
    hidden = FinishLayer(spec, layer, hidden, Attend(ProjectQkv(spec, layer, hidden)));
    return absl::OkStatus();
  }
  const auto pool = kernels::SharedThreadPool();
  if (!fused_) {
    auto made = kernels::TreeLayers::Create(
        *plan_, {num_heads_, head_size_, static_cast<float>(scale_)}, *pool);
    if (!made.ok()) return made.status();
    fused_ = *std::move(made);
  }
  hidden = hidden.contiguous();
  return fused_->Apply(*layer.packed, hidden.mutable_data_ptr<float>(), *pool);
}

}  // namespace strata::models
