#include "models/hat/hat_heads.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/layers.h"

namespace strata::models {
namespace {

at::Tensor Index(const std::vector<int32_t>& values) {
  return at::tensor(at::ArrayRef<int32_t>(values), at::kLong);
}

// Softmax over each document's segments, all copies of one together. scores [S, n] → [S, n].
at::Tensor SegmentSoftmax(const at::Tensor& scores, const HatBatch& batch) {
  const at::Tensor counted =
      scores + Index(batch.segment_copies).to(scores.scalar_type()).log().unsqueeze(1);
  std::vector<at::Tensor> shares;
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    const int64_t begin = batch.cu_segments[b];
    shares.push_back(at::softmax(counted.narrow(0, begin, batch.cu_segments[b + 1] - begin), 0));
  }
  return at::cat(shares);
}

HatProblem ProblemOf(const HatConfig& config, const at::Tensor& labels) {
  if (config.problem_type != HatProblem::kUnknown) return config.problem_type;
  if (config.num_labels() == 1) return HatProblem::kRegression;
  return labels.is_floating_point() ? HatProblem::kMultiLabel : HatProblem::kSingleLabel;
}

at::Tensor MeanSquare(const at::Tensor& values, const at::Tensor& targets) {
  return (values - targets.to(values.scalar_type())).square().mean();
}

at::Tensor BinaryCrossEntropy(const at::Tensor& logits, const at::Tensor& labels) {
  return at::binary_cross_entropy_with_logits(logits, labels.to(logits.scalar_type()));
}

}  // namespace

at::Tensor HatFirstTokens(const at::Tensor& states, const HatBatch& batch) {
  return states.index_select(0, Index(batch.first_rows));
}

at::Tensor HatAttentiveWeights(const Hat& model, const at::Tensor& states, const HatBatch& batch) {
  const HatWeights& weights = model.weights();
  const at::Tensor scores = at::tanh(Apply(
      weights.attentive_score, Apply(weights.attentive_projection, HatFirstTokens(states, batch))));
  return SegmentSoftmax(scores, batch).squeeze(-1);
}

at::Tensor HatLabelAttention(const Hat& model, const at::Tensor& states, const HatBatch& batch) {
  return SegmentSoftmax(Apply(model.weights().label_attention, HatFirstTokens(states, batch)),
                        batch);
}

at::Tensor HatLabelAttentionLogits(const Hat& model, const at::Tensor& states,
                                   const HatBatch& batch) {
  const Linear& scores = model.weights().label_scores;
  // w_k · Σ_j a_kj x_j = Σ_j a_kj (w_k · x_j)
  const at::Tensor parts = HatLabelAttention(model, states, batch) *
                           at::linear(HatFirstTokens(states, batch), scores.weight);  // [S, K]
  std::vector<at::Tensor> logits;
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    const int64_t begin = batch.cu_segments[b];
    logits.push_back(parts.narrow(0, begin, batch.cu_segments[b + 1] - begin).sum(0));
  }
  return at::stack(logits) + scores.bias;
}

at::Tensor HatPool(const Hat& model, const at::Tensor& states, const HatBatch& batch,
                   HatPooling pooling) {
  if (pooling == HatPooling::kLast) return states.index_select(0, Index(batch.last_rows));
  const at::Tensor firsts = HatFirstTokens(states, batch);
  at::Tensor shares;
  if (pooling == HatPooling::kAttentive) shares = HatAttentiveWeights(model, states, batch);
  std::vector<at::Tensor> pooled;
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    const int64_t begin = batch.cu_segments[b], count = batch.cu_segments[b + 1] - begin;
    const at::Tensor x = firsts.narrow(0, begin, count);
    if (pooling == HatPooling::kFirst) {
      pooled.push_back(x[0]);
    } else if (pooling == HatPooling::kAttentive) {
      pooled.push_back(at::matmul(shares.narrow(0, begin, count), x));
    } else {
      pooled.push_back(std::get<0>(x.max(0)));  // its gradient goes to one segment, as there
    }
  }
  return at::stack(pooled);
}

at::Tensor HatPooler(const Hat& model, const at::Tensor& pooled) {
  return at::tanh(Apply(model.weights().pooler, pooled));
}

at::Tensor HatSentencizer(const Hat& model, const at::Tensor& states, const HatBatch& batch) {
  return at::tanh(Apply(model.weights().sentencizer, HatFirstTokens(states, batch)));
}

at::Tensor HatClassifier(const Hat& model, const at::Tensor& vectors, double dropout) {
  return Apply(model.weights().classifier, Dropout(vectors, dropout));
}

at::Tensor HatMaskedLmLogits(const Hat& model, const at::Tensor& states) {
  const HatWeights& weights = model.weights();
  const at::Tensor x =
      Normalize(weights.lm_norm, NormKind::kLayerNorm, model.config().layer_norm_eps,
                at::gelu(Apply(weights.lm_dense, states)));
  return at::linear(x, weights.lm_decoder.defined() ? weights.lm_decoder : weights.word_embeddings,
                    weights.lm_bias);
}

at::Tensor HatSpanLogits(const Hat& model, const at::Tensor& states) {
  return Apply(model.weights().spans, states);
}

absl::StatusOr<at::Tensor> PadHatSegments(const at::Tensor& values, const HatBatch& batch) {
  const int64_t documents = batch.num_documents();
  const int64_t segments = batch.cu_padded.back() / documents;
  for (int64_t b = 0; b < documents; ++b) {
    if (batch.cu_padded[b + 1] - batch.cu_padded[b] != segments) {
      return absl::InvalidArgumentError(absl::StrCat("document ", b, " has ",
                                                     batch.cu_padded[b + 1] - batch.cu_padded[b],
                                                     " padded segments, the others ", segments));
    }
  }
  std::vector<int64_t> shape = values.sizes().vec();
  shape[0] = segments;
  shape.insert(shape.begin(), documents);
  return values.index_select(0, Index(batch.padded_segments)).reshape(shape);
}

at::Tensor HatDocumentLoss(const HatConfig& config, const at::Tensor& logits,
                           const at::Tensor& labels) {
  switch (ProblemOf(config, labels)) {
    case HatProblem::kRegression:
      return config.num_labels() == 1 ? MeanSquare(logits.reshape(-1), labels.reshape(-1))
                                      : MeanSquare(logits, labels);
    case HatProblem::kMultiLabel:
      return BinaryCrossEntropy(logits, labels);
    default:
      return HatCrossEntropy(logits, labels);
  }
}

at::Tensor HatSegmentLoss(const HatConfig& config, const at::Tensor& logits,
                          const at::Tensor& labels) {
  switch (ProblemOf(config, labels)) {
    case HatProblem::kRegression:
      // With several labels the reference compares every score with every label ([n, 1] with [n]).
      return config.num_labels() == 1 ? MeanSquare(logits.reshape(-1), labels.reshape(-1))
                                      : MeanSquare(logits.reshape({-1, 1}), labels.reshape(-1));
    case HatProblem::kMultiLabel: {
      const at::Tensor counted = labels.select(-1, 0) != -1;
      return BinaryCrossEntropy(logits.index({counted}), labels.index({counted}));
    }
    default:
      return HatCrossEntropy(logits.reshape({-1, logits.size(-1)}), labels);
  }
}

at::Tensor HatCrossEntropy(const at::Tensor& logits, const at::Tensor& labels) {
  return at::cross_entropy_loss(logits, labels.reshape(-1).to(at::kLong));
}

}  // namespace strata::models
