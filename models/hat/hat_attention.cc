#include "models/hat/hat_attention.h"

#include <cmath>

namespace strata::models {
namespace {

at::Tensor Index(const std::vector<int32_t>& values) {
  return at::tensor(at::ArrayRef<int32_t>(values), at::kLong);
}

// Dense attention of one group at a time.
class GroupAttention {
 public:
  GroupAttention(const HatAttentionParams& params, const at::Tensor& qkv, const AttentionSets& sets)
      : params_(params),
        heads_(qkv.view({qkv.size(0), 3, params.num_heads, params.head_size})),
        sets_(sets) {}

  // [H, queries, keys]
  at::Tensor Probabilities(const AttentionGroup& group) const {
    const at::Tensor q = Rows(0, Index(group.queries)), k = Rows(1, Index(group.keys));
    at::Tensor scores = at::matmul(q, k.transpose(1, 2));
    if (params_.positions != HatPositions::kAbsolute) scores = scores + Distances(group, q, k);
    scores = scores / std::sqrt(static_cast<double>(params_.head_size));
    // The reference adds the smallest float to every score: that rounds the scores away, but not
    // their gradients.
    if (group.is_uniform) scores = scores - scores.detach();
    if (!group.key_copies.empty()) {  // a key that stands for c equal ones weighs c times as much
      scores = scores + Index(group.key_copies).to(scores.scalar_type()).log();
    }
    return at::softmax(scores, -1);
  }

  // [queries, H · D]
  at::Tensor Context(const AttentionGroup& group) const {
    return at::matmul(Probabilities(group), Rows(2, Index(group.keys)))
        .transpose(0, 1)
        .reshape({static_cast<int64_t>(group.queries.size()),
                  int64_t{params_.num_heads} * params_.head_size});
  }

 private:
  // q, k or v of some rows, [H, rows, D].
  at::Tensor Rows(int64_t part, const at::Tensor& rows) const {
    return heads_.select(1, part).index_select(0, rows).transpose(0, 1);
  }

  // What relative positions add to the scores of a group, [H, queries, keys].
  at::Tensor Distances(const AttentionGroup& group, const at::Tensor& q,
                       const at::Tensor& k) const {
    const at::Tensor places = Index(sets_.indices);
    const at::Tensor distance = places.index_select(0, Index(group.queries)).unsqueeze(1) -
                                places.index_select(0, Index(group.keys)).unsqueeze(0);
    const int64_t largest = (params_.distances.size(0) - 1) / 2;
    const at::Tensor embedded =
        params_.distances.index_select(0, (distance + largest).reshape(-1))
            .reshape({distance.size(0), distance.size(1), params_.head_size});  // [n, m, D]
    at::Tensor added = at::matmul(q.transpose(0, 1), embedded.transpose(1, 2)).transpose(0, 1);
    if (params_.positions == HatPositions::kRelativeKeyQuery) {
      added = added + at::matmul(k.transpose(0, 1), embedded.permute({1, 2, 0})).permute({1, 2, 0});
    }
    return added;
  }

  const HatAttentionParams& params_;
  const at::Tensor heads_;  // [n, 3, H, D]
  const AttentionSets& sets_;
};

}  // namespace

at::Tensor HatAttention(const HatAttentionParams& params, const TreePass& tree,
                        const at::Tensor& qkv, const AttentionSets& sets) {
  const GroupAttention dense(params, qkv, sets);
  const bool is_relative = params.positions != HatPositions::kAbsolute;
  const at::Tensor context =
      is_relative ? at::zeros({qkv.size(0), qkv.size(1) / 3}, qkv.options()) : tree.Attend(qkv);
  std::vector<int32_t> rows;
  std::vector<at::Tensor> contexts;
  const auto add = [&](const std::vector<AttentionGroup>& groups) {
    for (const AttentionGroup& group : groups) {
      rows.insert(rows.end(), group.queries.begin(), group.queries.end());
      contexts.push_back(dense.Context(group));
    }
  };
  if (is_relative) add(sets.families);
  add(sets.guests);
  if (rows.empty()) return context;
  return context.index_copy(0, Index(rows), at::cat(contexts, 0));
}

std::vector<at::Tensor> HatAttentionMaps(const HatAttentionParams& params, const at::Tensor& qkv,
                                         const AttentionSets& sets) {
  const GroupAttention dense(params, qkv, sets);
  std::vector<at::Tensor> maps;
  maps.reserve(sets.families.size());
  for (const AttentionGroup& family : sets.families) maps.push_back(dense.Probabilities(family));
  return maps;
}

}  // namespace strata::models
