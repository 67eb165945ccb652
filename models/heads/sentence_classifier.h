// Document classification by attention over sentence anchors, so that every sentence's share in
// the answer can be read off exactly.
//
//   n_i = RMSNorm(h_i)             h_i: last hidden state of the i-th sentence anchor
//   a   = softmax over the document's sentences of (u · n_i + c)
//   logits = W · Σ_i a_i n_i + b
//
// Sentence i adds a_i · W n_i to the logits; what it adds to one class beyond what it adds to the
// others on average is its contribution. Ours: HDT's reference has no classification head.
#ifndef STRATA_MODELS_HEADS_SENTENCE_CLASSIFIER_H_
#define STRATA_MODELS_HEADS_SENTENCE_CLASSIFIER_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "models/batch/packed_batch.h"
#include "models/layers/linear.h"
#include "models/layers/weight_table.h"

namespace strata::models {

// d = hidden size, K = classes.
struct SentenceClassifierWeights {
  at::Tensor norm;      // [d]
  Linear score;         // [1, d]: u and c
  Linear out;           // [K, d]: W, no bias
  at::Tensor out_bias;  // [K]: b
};

SentenceClassifierWeights InitialSentenceClassifierWeights(int64_t hidden_size,
                                                           int64_t num_classes);

// Packs u and W for serving (models/layers/linear.h): no gradients from then on, and what a
// document gets does not depend on its batch. INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
absl::Status PackForInference(SentenceClassifierWeights& weights);

// Keys "classifier.norm.weight", "classifier.score.{weight,bias}", "classifier.out.{weight,bias}".
std::vector<WeightEntry> SentenceClassifierTable(SentenceClassifierWeights& weights);
bool IsSentenceClassifierKey(const std::string& key);

// A = sentence anchors of the whole batch, in order.
struct SentenceClassifierOutput {
  at::Tensor logits;              // [B, K]; a document without a sentence gets the bias alone
  at::Tensor sentence_states;     // [A, d]: n_i
  at::Tensor sentence_logits;     // [A, K]: W n_i, before weighting and bias
  at::Tensor sentence_weights;    // [A]: a_i, sum 1 over a document
  std::vector<int32_t> rows;      // [A] row of each anchor in the batch
  std::vector<int64_t> document;  // [A] document of each anchor
};

// states [T, d]. `dropout` acts on n_i on its way to W only.
SentenceClassifierOutput ClassifySentences(const SentenceClassifierWeights& weights,
                                           const at::Tensor& states, const PackedBatch& batch,
                                           double epsilon, double dropout = 0);

}  // namespace strata::models

#endif  // STRATA_MODELS_HEADS_SENTENCE_CLASSIFIER_H_
