// The heads of HAT on the encoder's states, and their losses.
//
// Source: coastalcph/hierarchical-transformers, modelling_hat.py: HATForMaskedLM,
// HATForSequenceClassification, HATModelForSequentialSentenceClassification, HATForMultipleChoice;
// also token labels and answer spans, whose classes cannot run there.
#ifndef STRATA_MODELS_HAT_HAT_HEADS_H_
#define STRATA_MODELS_HAT_HAT_HEADS_H_

#include <ATen/ATen.h>

#include "absl/status/statusor.h"
#include "models/hat/hat.h"

namespace strata::models {

// In all of these: states [R, d] of Hat::Forward, B documents, S segments, K classes; the model
// must have the head. Differentiable; thread-safe.

// First tokens' states, [S, d].
at::Tensor HatFirstTokens(const at::Tensor& states, const HatBatch& batch);

// Softmax weights of attentive pooling, all copies of a segment together, [S], sum 1 over a
// document.
at::Tensor HatAttentiveWeights(const Hat& model, const at::Tensor& states, const HatBatch& batch);

// Logits by label attention, [B, K]: softmax over a document's segments of u_k · x_j, all copies of
// a segment together; logit k = w_k · Σ_j a_kj x_j + b_k.
at::Tensor HatLabelAttentionLogits(const Hat& model, const at::Tensor& states,
                                   const HatBatch& batch);
// The attention itself, [S, K].
at::Tensor HatLabelAttention(const Hat& model, const at::Tensor& states, const HatBatch& batch);

// One vector a document, [B, d]; `attentive` needs its weights. Label attention has none: its
// documents are pooled by max.
at::Tensor HatPool(const Hat& model, const at::Tensor& states, const HatBatch& batch,
                   HatPooling pooling);
// tanh(W·p + b) of the pooled vectors: what the classifier reads.
at::Tensor HatPooler(const Hat& model, const at::Tensor& pooled);
// tanh(W·x + b) of the first tokens: what the classifier of segments reads. [S, d]
at::Tensor HatSentencizer(const Hat& model, const at::Tensor& states, const HatBatch& batch);
// [n, d] → [n, K].
at::Tensor HatClassifier(const Hat& model, const at::Tensor& vectors, double dropout = 0);

// [n, d] → [n, vocab_size].
at::Tensor HatMaskedLmLogits(const Hat& model, const at::Tensor& states);
// [n, d] → [n, 2]: scores as the first and as the last token of an answer.
at::Tensor HatSpanLogits(const Hat& model, const at::Tensor& states);

// Values by segment, [S, …], in the padded layout [B, N, …]. INVALID_ARGUMENT: documents of
// different N.
absl::StatusOr<at::Tensor> PadHatSegments(const at::Tensor& values, const HatBatch& batch);

// The loss of documents: logits [B, K]; labels [B] integers, or [B, K] floats. By problem_type, or
// guessed as the reference does: one label is a regression, integers are classes, else every class
// by itself.
at::Tensor HatDocumentLoss(const HatConfig& config, const at::Tensor& logits,
                           const at::Tensor& labels);
// The loss of segments: logits [B, N, K]; labels [B, N], -100 where none, or [B, N, K], where a
// segment whose first label is -1 does not count. A regression counts all segments, empty ones too.
at::Tensor HatSegmentLoss(const HatConfig& config, const at::Tensor& logits,
                          const at::Tensor& labels);
// Cross entropy over the labels that are not -100: masked tokens, or choices of a question.
at::Tensor HatCrossEntropy(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_HEADS_H_
