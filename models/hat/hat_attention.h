// The attention of HAT over rows: families by the block-sparse kernel, guests and relative
// positions densely.
#ifndef STRATA_MODELS_HAT_HAT_ATTENTION_H_
#define STRATA_MODELS_HAT_HAT_ATTENTION_H_

#include <ATen/ATen.h>

#include <vector>

#include "models/hat/hat_batch.h"
#include "models/hat/hat_config.h"
#include "models/layers/tree_pass.h"

namespace strata::models {

struct HatAttentionParams {
  int32_t num_heads = 0;  // H
  int32_t head_size = 0;  // D
  // Of relative positions, as RoBERTa has them: a key at distance i - j from the query adds
  // q · E[i - j + max - 1] to the score before it is scaled, and with kRelativeKeyQuery also
  // k · E[i - j + max - 1]. distances E is [2 · max - 1, D].
  HatPositions positions = HatPositions::kAbsolute;
  at::Tensor distances;
};

// qkv [n, 3 · H · D] → what each row gets, [n, H · D]. `tree` is of sets.plan, heads of H and D and
// the scale 1/sqrt(D). Differentiable; thread-safe.
at::Tensor HatAttention(const HatAttentionParams& params, const TreePass& tree,
                        const at::Tensor& qkv, const AttentionSets& sets);

// The softmax probabilities of every family, [H, queries, keys] each, in the order of
// sets.families.
std::vector<at::Tensor> HatAttentionMaps(const HatAttentionParams& params, const at::Tensor& qkv,
                                         const AttentionSets& sets);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_ATTENTION_H_
