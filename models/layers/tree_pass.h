// Transformer layers whose attention follows a packed batch's trees: every token attends to the
// families of a StructurePlan.
#ifndef STRATA_MODELS_LAYERS_TREE_PASS_H_
#define STRATA_MODELS_LAYERS_TREE_PASS_H_

#include <ATen/ATen.h>

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "kernels/encoder/tree_layers.h"
#include "kernels/plan/structure_plan.h"
#include "models/layers/transformer_layer.h"

namespace strata::models {

// One forward pass over one batch; for one thread at a time.
class TreePass {
 public:
  TreePass(std::shared_ptr<const kernels::StructurePlan> plan, int num_heads, int head_size,
           double scale)
      : plan_(std::move(plan)), num_heads_(num_heads), head_size_(head_size), scale_(scale) {}

  // q, k, v of every token, [T, 3A] → what attention gives, [T, A]. Differentiable.
  at::Tensor Attend(const at::Tensor& qkv) const;

  // hidden [T, C] ← the layer's output. A packed layer runs fused, tile by tile and in place
  // (kernels/encoder/tree_layers.h), and keeps no q, k, v of the whole batch; otherwise it is
  // ProjectQkv, Attend and FinishLayer, differentiable. INVALID_ARGUMENT: heads that do not fit.
  absl::Status Apply(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                     at::Tensor& hidden);

 private:
  std::shared_ptr<const kernels::StructurePlan> plan_;
  int num_heads_, head_size_;
  double scale_;
  std::optional<kernels::TreeLayers> fused_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_TREE_PASS_H_
