#include "models/heads/sentence_classifier.h"

#include <cmath>

#include "absl/strings/match.h"
#include "models/layers/layers.h"

namespace strata::models {

SentenceClassifierWeights InitialSentenceClassifierWeights(int64_t hidden_size,
                                                           int64_t num_classes) {
  SentenceClassifierWeights weights;
  weights.norm = at::ones({hidden_size});
  weights.score.weight = at::zeros({1, hidden_size});  // starts as the plain mean
  weights.score.bias = at::zeros({1});
  weights.out.weight = at::normal(0.0, 0.5 / std::sqrt(static_cast<double>(hidden_size)),
                                  {num_classes, hidden_size});
  weights.out_bias = at::zeros({num_classes});
  return weights;
}

absl::Status PackForInference(SentenceClassifierWeights& weights) {
  absl::Status status = PackForInference(weights.score);
  status.Update(PackForInference(weights.out));
  return status;
}

std::vector<WeightEntry> SentenceClassifierTable(SentenceClassifierWeights& weights) {
  return {{"classifier.norm.weight", &weights.norm, 0, weights.norm.sizes().vec()},
          {"classifier.score.weight", &weights.score.weight, 0, weights.score.weight.sizes().vec()},
          {"classifier.score.bias", &weights.score.bias, 0, weights.score.bias.sizes().vec()},
          {"classifier.out.weight", &weights.out.weight, 0, weights.out.weight.sizes().vec()},
          {"classifier.out.bias", &weights.out_bias, 0, weights.out_bias.sizes().vec()}};
}

bool IsSentenceClassifierKey(const std::string& key) {
  return absl::StartsWith(key, "classifier.");
}

SentenceClassifierOutput ClassifySentences(const SentenceClassifierWeights& weights,
                                           const at::Tensor& states, const PackedBatch& batch,
                                           double epsilon, double dropout) {
  SentenceClassifierOutput output;
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    for (int32_t t = batch.cu_seqlens[b]; t < batch.cu_seqlens[b + 1]; ++t) {
      if (batch.roles[t] != TokenRole::kSentenceAnchor) continue;
      output.rows.push_back(t);
      output.document.push_back(b);
    }
  }
  const auto anchors = static_cast<int64_t>(output.rows.size());
  const at::Tensor rows = at::from_blob(output.rows.data(), {anchors}, at::kInt).clone();
  const at::Tensor document = at::from_blob(output.document.data(), {anchors}, at::kLong).clone();
  const at::Tensor normed = RmsNorm(states.index_select(0, rows), weights.norm, epsilon);

  output.sentence_states = normed;
  const at::Tensor score = Apply(weights.score, normed).squeeze(-1);  // [A]
  // A document's softmax; its largest score is taken off first so that exp stays finite.
  const at::Tensor largest =
      at::zeros({batch.num_documents()})
          .scatter_reduce(0, document, score.detach(), "amax", /*include_self=*/false);
  const at::Tensor grown = (score - largest.index_select(0, document)).exp();
  const at::Tensor total = at::zeros({batch.num_documents()}).index_add(0, document, grown);
  output.sentence_weights = grown / total.index_select(0, document);

  output.sentence_logits = Apply(weights.out, Dropout(normed, dropout));
  output.logits =
      at::zeros({batch.num_documents(), weights.out_bias.size(0)})
          .index_add(0, document, output.sentence_weights.unsqueeze(1) * output.sentence_logits) +
      weights.out_bias;
  return output;
}

}  // namespace strata::models
