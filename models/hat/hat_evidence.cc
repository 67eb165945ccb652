#include "models/hat/hat_evidence.h"

#include "models/hat/hat_heads.h"

namespace strata::models {
namespace {

// Of one document, x [n, d].
struct Pooled {
  at::Tensor weights;  // [n]
  at::Tensor without;  // [n, d]: the pooled vector without each
};

Pooled WithoutEach(HatPooling pooling, const at::Tensor& x, const at::Tensor& shares,
                   int64_t last) {
  const int64_t n = x.size(0), d = x.size(1);
  Pooled pooled{at::zeros({n}, x.options()), at::zeros({n, d}, x.options())};
  switch (pooling) {
    case HatPooling::kMax: {
      const auto [best, place] = x.topk(n > 1 ? 2 : 1, 0);  // [2, d] each
      const at::Tensor is_best = at::arange(n).unsqueeze(1) == place[0];
      pooled.weights = is_best.to(x.scalar_type()).mean(1);
      if (n > 1) pooled.without = at::where(is_best, best[1], best[0]);
      break;
    }
    case HatPooling::kAttentive: {
      pooled.weights = shares;
      const at::Tensor share = shares.unsqueeze(1), rest = 1 - share;
      pooled.without =
          at::where(rest > 1e-6, (at::matmul(shares, x) - share * x) / rest.clamp_min(1e-6), 0.0);
      break;
    }
    default: {
      // All others leave the vector as it is.
      const int64_t read = pooling == HatPooling::kFirst ? 0 : last;
      pooled.weights[read] = 1;
      pooled.without = x[read].expand({n, d}).clone();
      pooled.without[read] = 0;
      break;
    }
  }
  return pooled;
}

}  // namespace

HatEvidence HatSegmentEvidence(const Hat& model, const at::Tensor& states, const HatBatch& batch,
                               HatPooling pooling) {
  const at::Tensor firsts = HatFirstTokens(states, batch);
  if (pooling == HatPooling::kLabelAttention) {
    const at::Tensor attention = HatLabelAttention(model, states, batch);
    return {attention.mean(1), attention * at::linear(firsts, model.weights().label_scores.weight)};
  }
  at::Tensor shares;
  if (pooling == HatPooling::kAttentive) shares = HatAttentiveWeights(model, states, batch);
  const at::Tensor logits =
      HatClassifier(model, HatPooler(model, HatPool(model, states, batch, pooling)));  // [B, K]
  std::vector<at::Tensor> weights, effects;
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    const int64_t begin = batch.cu_segments[b], count = batch.cu_segments[b + 1] - begin;
    const Pooled pooled = WithoutEach(pooling, firsts.narrow(0, begin, count),
                                      shares.defined() ? shares.narrow(0, begin, count) : shares,
                                      batch.last_segments[b] - begin);
    weights.push_back(pooled.weights);
    effects.push_back(logits[b] - HatClassifier(model, HatPooler(model, pooled.without)));
  }
  return {at::cat(weights), at::cat(effects)};
}

}  // namespace strata::models
