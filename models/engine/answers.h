// Reads one document's answers off the hidden states and the head's output of its batch.
#ifndef STRATA_MODELS_ENGINE_ANSWERS_H_
#define STRATA_MODELS_ENGINE_ANSWERS_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "models/batch/packed_batch.h"
#include "models/engine/engine.h"
#include "models/heads/sentence_classifier.h"
#include "models/layers/encoder.h"

namespace strata::models {

// One document of a computed batch. Borrowed.
struct DocumentView {
  const PreparedDocument& document;
  const PackedBatch& batch;
  int64_t index;                               // of the document in the batch
  const EncoderOutput& output;                 // states, and the architecture's own head
  const SentenceClassifierOutput* classified;  // null without our own classification head
};

// Labels by falling logit, at most `top_k` (0: all). logits [K]; `kind`: how they are read.
std::vector<LabelScore> RankLabels(const at::Tensor& logits, const std::vector<std::string>& labels,
                                   LabelKind kind, int32_t top_k);

// The numbers of a vector; `normalize`: scaled to length 1.
std::vector<float> ToVector(const at::Tensor& vector, bool normalize);

TokenCounts CountTokens(const DocumentView& view);

// The text of a section's own heading; empty without one.
std::string HeadingOf(const DocumentTree& tree, int32_t section);

// How much the anchors of one document counted for its labels.
struct DocumentEvidence {
  std::vector<int64_t> tokens;  // [n] of the document's sequence
  at::Tensor weights;           // [n] share in pooling, sum 1
  at::Tensor effects;           // [n, K] what each adds to the logits
};

// Of our classification head or the architecture's own; empty without a head.
DocumentEvidence EvidenceOf(const DocumentView& view);

// Fills labels, and sentences and sections if an explanation was asked for. `kind`: how the logits
// are read.
void AnswerClassify(const DocumentView& view, const std::vector<std::string>& labels,
                    LabelKind kind, const TaskRequest& request, TaskResult& result);

// Fills embeddings.
void AnswerEmbed(const DocumentView& view, const TaskRequest& request, TaskResult& result);

// Fills embeddings with what documents are compared by.
void AnswerMatch(const DocumentView& view, TaskResult& result);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_ANSWERS_H_
