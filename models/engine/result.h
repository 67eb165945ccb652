// What is asked of a model and what it answers: plain structs, no torch, protobuf or gRPC type.
#ifndef STRATA_MODELS_ENGINE_RESULT_H_
#define STRATA_MODELS_ENGINE_RESULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "models/document/byte_span.h"
#include "models/document/document_tree.h"
#include "models/engine/sound_events.h"
#include "models/engine/sound_windows.h"

namespace strata::models {

enum class Task : uint8_t { kClassify, kEmbed, kMatch, kSummarize };

// "classify", "embed", "match", "summarize".
constexpr std::string_view TaskName(Task task) {
  switch (task) {
    case Task::kClassify:
      return "classify";
    case Task::kEmbed:
      return "embed";
    case Task::kMatch:
      return "match";
    case Task::kSummarize:
      return "summarize";
  }
  return "unknown";
}

// The parts of a document that can have a vector of their own.
enum class EmbeddingLevel : uint8_t { kDocument, kSection, kSentence, kToken };

enum class SummaryMethod : uint8_t {
  kAuto,         // abstractive if the model writes, else extractive
  kExtractive,   // sentences of the document
  kAbstractive,  // written by the model's decoder
};

// What is not set is as the model's generation_config.json or config.json says; meanings are those
// of transformers' generate().
struct WritingOptions {
  std::optional<int32_t> max_new_tokens, min_new_tokens, num_beams, no_repeat_ngram_size;
  std::optional<double> length_penalty, repetition_penalty;
  bool sample = false;  // draw tokens; else the best, or the best of the beams
  std::optional<double> temperature, top_p;
  std::optional<int32_t> top_k;
  uint64_t seed = 0;  // the same seed draws the same text
};

struct SummaryOptions {
  SummaryMethod method = SummaryMethod::kAuto;
  // Extractive. Both 0: three sentences.
  int32_t max_words = 0;
  int32_t max_sentences = 0;
  double max_similarity = 0.7;  // 0..1; a sentence closer than this to one taken is left out
  // Abstractive.
  WritingOptions writing;
};

// Which events of a sound are told.
struct EventRequest {
  SoundEventOptions events;
  double overlap_s = 0;  // of neighbouring windows; at most half of one
};

// kMatch asks for what documents are compared by (match.h): the vectors of the document and of its
// sentences or blocks, as they are, in TaskResult::embeddings.
struct TaskRequest {
  Task task = Task::kClassify;
  // kClassify: this many best labels, of each node too; 0 = all.
  int32_t top_k = 0;
  // kClassify: also say how much every section and sentence counted. A model that labels these
  // says nothing more.
  bool explain = false;
  // kClassify of a sound: also what is heard when.
  std::optional<EventRequest> events;
  // kEmbed: one or more levels.
  std::vector<EmbeddingLevel> levels;
  // kEmbed: scale each vector to length 1.
  bool normalize = false;
  SummaryOptions summary;
};

struct LabelScore {
  std::string label;
  // Softmax over all labels; of a model whose labels do not exclude each other (problem_type
  // multi_label_classification, sounds) each label's own; 0 where the logit is a value
  // (regression). Of a sound: the mean over its windows.
  float probability = 0;
  float logit = 0;
};

// What a model that labels sentences or sections says of one. The probabilities take the
// neighbours' labels into account; a logit here is the logarithm of its probability.
struct LabelledNode {
  int32_t node = -1;  // in DocumentTree::nodes()
  NodeKind kind = NodeKind::kSentence;
  ByteSpan source;                 // bytes of the source
  std::string text;                // the sentence; a section's heading (may be empty)
  std::vector<LabelScore> labels;  // best first
};

// How much one node counted for the best label. weight: the share of the pooling that went to it,
// sum 1. With our own classification head the contributions of all sentences (headings are
// sentences here) add up to the best label's logit less its bias and less the mean over labels.
// With the head of another checkpoint a "sentence" is what the architecture has a vector for (HAT:
// a segment), and its contribution what the logit would lose without it, less the mean over labels
// where they exclude each other; these do not add up. A section's is the sum of its sentences'.
struct NodeContribution {
  int32_t node = -1;  // in DocumentTree::nodes()
  NodeKind kind = NodeKind::kSentence;
  ByteSpan source;   // bytes of the source
  std::string text;  // the sentence's or heading's text; a section's heading (may be empty)
  float weight = 0;
  float contribution = 0;
};

// A model with our classification head gives what that head reads: the pooled vector of the
// document, the sentence anchors' normalised states, and for a section the pooled vector of its
// sentences (text behind a subsection opens its section again, with a vector of its own). Any other
// model gives the states of the anchor tokens; HAT, whose anchors are segments, also its own pooled
// vector of the document, and for a section the mean of its tokens. Tokens: the last hidden
// state.
struct Embedding {
  EmbeddingLevel level = EmbeddingLevel::kDocument;
  int32_t node = -1;
  ByteSpan source;
  std::vector<float> values;  // [hidden_size]
};

// A sentence of the document that a summary rests on.
struct SummarySource {
  int32_t node = -1;
  NodeKind kind = NodeKind::kSentence;
  ByteSpan source;
  std::string text;
  // Extractive: the sentence's weight among all of the document, sum 1. Abstractive: its share of
  // the decoder's attention to the document's sentences.
  float weight = 0;
  ByteSpan summary;  // extractive: its bytes in the summary
};

// Extractive: the chosen sentences, a space between them. Abstractive: the fewest sentences that
// got half of the attention, at most 32. Both in document order.
struct Summary {
  SummaryMethod method = SummaryMethod::kExtractive;
  std::string text;
  std::vector<SummarySource> sources;
  // Abstractive.
  int64_t num_new_tokens = 0;  // the end token included
  bool is_complete = true;     // false: cut at the limit before the model ended it
  float score = 0;             // log-probability of its tokens; beams: over the length penalty
};

struct TokenCounts {
  int64_t num_tokens = 0;      // rows computed, anchors included
  int64_t num_words_seen = 0;  // text tokens of the document
  int64_t num_words_kept = 0;  // of these, computed; fewer only where a limit asked for the cut
  ByteSpan source_kept;        // source bytes from the first to the last token kept
  double seconds = 0;          // of sound that was heard
};

// Something heard, with its times from the start of the sound.
struct HeardEvent {
  std::string label;
  double begin_s = 0, end_s = 0;
  float peak = 0;  // highest score inside
};

// One document's answer. If `status` is not OK nothing else is meant.
struct TaskResult {
  absl::Status status;
  // Best first. Of a model that labels sentences or sections: the mean over these, which is the
  // share that each label is expected to have.
  std::vector<LabelScore> labels;
  std::vector<LabelledNode> labelled_nodes;  // document order; of such a model only
  std::vector<NodeContribution> sentences;   // document order
  std::vector<NodeContribution> sections;    // document order
  std::vector<Embedding> embeddings;         // by level as asked, then document order
  Summary summary;
  std::vector<HeardEvent> events;  // as they ended; with `events` only
  TokenCounts tokens;
  // Of one pass of a sound: what SoundSession::Take puts together. Nothing else is set then.
  std::vector<SoundWindowAnswer> windows;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_RESULT_H_
