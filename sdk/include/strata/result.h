// What a model answers: plain structs. Byte ranges are half open and count the bytes of the
// document as it was given.
#ifndef STRATA_RESULT_H_
#define STRATA_RESULT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "strata/export.h"
#include "strata/options.h"

namespace strata {

struct ByteRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end - begin; }
};

enum class NodeKind : std::uint8_t {
  kDocument,
  kSection,
  kHeading,
  kParagraph,
  kSentence,
  kToken,  // only where tokens were asked for
};

// "document", "section", "heading", "paragraph", "sentence", "token".
STRATA_API const char* NodeKindName(NodeKind kind);
// "document", "section", "sentence", "token".
STRATA_API const char* EmbeddingLevelName(EmbeddingLevel level);
// "auto", "extractive", "abstractive".
STRATA_API const char* SummaryMethodName(SummaryMethod method);

struct LabelScore {
  std::string label;
  // Softmax over all labels; where labels do not exclude each other, each one's own. Of a sound:
  // the mean over its windows.
  float probability = 0;
  float logit = 0;
};

// What a model that labels sentences or sections says of one. The probabilities take the
// neighbours' labels into account; a logit here is the logarithm of its probability.
struct LabelledNode {
  std::int32_t node = -1;  // in DocumentStructure::nodes of the same document
  NodeKind kind = NodeKind::kSentence;
  ByteRange source;
  std::string text;                // the sentence; a section's heading (may be empty)
  std::vector<LabelScore> labels;  // best first
};

// How much one section or sentence counted for the best label. The contributions of all sentences
// (headings are sentences here) add up to the best label's logit less its bias and less the mean
// over labels; a section's is the sum of its sentences'.
struct NodeContribution {
  std::int32_t node = -1;  // in DocumentStructure::nodes of the same document
  NodeKind kind = NodeKind::kSentence;
  ByteRange source;
  std::string text;  // the sentence; a section's heading (may be empty)
  float weight = 0;  // share of the pooling that went to it; 1 over all sentences
  float contribution = 0;
};

struct TokenCounts {
  std::int64_t num_tokens = 0;      // rows computed, anchors included
  std::int64_t num_words_seen = 0;  // text tokens of the document
  std::int64_t num_words_kept =
      0;                  // of these, computed; fewer only where a limit asked for the cut
  ByteRange source_kept;  // from the first to the last token kept
  double seconds = 0;     // of sound that was heard
};

// Something heard, with its times from the start of the sound.
struct SoundEvent {
  std::string label;
  double begin_s = 0;
  double end_s = 0;
  float peak = 0;  // highest score inside
};

// Where the time went, as measured by the service (or the engine in this process).
struct Timings {
  absl::Duration prepare, queue, compute, total;
};

struct ClassifyResult {
  std::string id;     // the document's
  std::string model;  // that answered
  // Best first. Of a model that labels sentences or sections: the mean over these, which is the
  // share that each label is expected to have.
  std::vector<LabelScore> labels;
  std::vector<NodeContribution> sections;    // document order; with `explain` only
  std::vector<NodeContribution> sentences;   // document order; with `explain` only
  std::vector<LabelledNode> labelled_nodes;  // document order; of a model that labels these only
  TokenCounts tokens;
  Timings timings;
  std::vector<SoundEvent> events;  // in the order in which they ended; with `events` only
};

struct Embedding {
  EmbeddingLevel level = EmbeddingLevel::kDocument;
  std::int32_t node = -1;
  ByteRange source;
  std::vector<float> values;  // [hidden_size]; a document's own vector may be longer
};

struct EmbedResult {
  std::string id;
  std::string model;
  std::vector<Embedding> embeddings;  // by level as asked, then document order
  TokenCounts tokens;
  Timings timings;
};

// A sentence of the document that a summary rests on.
struct SummarySource {
  std::int32_t node = -1;
  NodeKind kind = NodeKind::kSentence;
  ByteRange source;
  std::string text;
  // Extractive: its weight among all sentences. Abstractive: its share of the decoder's attention
  // to the document's sentences.
  float weight = 0;
  ByteRange summary;  // extractive: where it stands in the summary's bytes
};

// Sources are in document order: the chosen sentences, or for an abstractive summary the fewest
// sentences that got half of the attention, at most 32.
struct SummarizeResult {
  std::string id;
  std::string model;
  SummaryMethod method = SummaryMethod::kExtractive;  // never kAuto
  std::string text;
  std::vector<SummarySource> sources;
  // Abstractive only.
  std::int64_t num_new_tokens = 0;  // the end token included
  bool is_complete = true;          // false: cut at the limit before the model ended it
  float score = 0;                  // log-probability; beams: over the length penalty
  TokenCounts tokens;
  Timings timings;
};

// What a document was compared by.
struct MatchedDocument {
  std::string id;  // the document's
  TokenCounts tokens;
  std::vector<ByteRange> blocks;  // that were read: SMITH's sentence blocks, else sentences
};

// Two blocks that are alike.
struct BlockPair {
  ByteRange document, candidate;
  float similarity = 0;  // cosine of their vectors, -1 to 1
};

// How one candidate compares with a document.
struct MatchResult {
  std::size_t index = 0;  // of the candidate, as it was given
  absl::Status status;  // why it could not be compared; then only index and candidate.id are meant
  // Of a model that is trained to match, its own score; of any other, the cosine of the documents'
  // vectors, -1 to 1.
  float score = 0;
  std::optional<float> probability;  // that both match; only of a model that is trained to
  MatchedDocument candidate;
  std::vector<BlockPair> pairs;  // most alike first; with `block_pairs` only
};

struct Ranking {
  std::string model;  // that answered
  MatchedDocument document;
  std::vector<MatchResult> results;  // best first; those with an error last
  Timings timings;                   // of the document; total: until all were compared
};

struct Token {
  std::int32_t id = 0;
  ByteRange bytes;    // in the text that was given
  std::string piece;  // the vocabulary's entry
};

struct TokenizeResult {
  std::string tokenizer;  // "wordpiece", "bpe", "unigram", "sentencepiece"
  std::int32_t vocab_size = 0;
  std::vector<Token> tokens;  // without special tokens
};

// One node of a document's tree; its children follow it, before its next sibling.
struct DocumentNode {
  NodeKind kind = NodeKind::kDocument;
  std::int32_t parent = -1;  // index; -1 for the document only
  std::int32_t level = 0;    // edges from the document
  ByteRange source;
  std::string text;  // of headings, sentences and tokens; others are the sum of their children
};

struct DocumentStructure {
  DocumentFormat format = DocumentFormat::kAuto;  // that was found (never kAuto)
  std::int64_t source_size_bytes = 0;
  std::vector<DocumentNode> nodes;  // the document is node 0
};

struct ModelDescription {
  std::string name;
  std::string architecture;
  std::string tokenizer;
  std::vector<std::string> tasks;              // "classify", "embed", "summarize", "match"
  std::vector<std::string> labels;             // by class index
  NodeKind label_level = NodeKind::kDocument;  // what gets a label; or kSection, or kSentence
  std::int64_t num_parameters = 0;
  std::int64_t weight_bytes = 0;
  std::int32_t hidden_size = 0;
  std::int32_t num_layers = 0;
  std::int32_t vocab_size = 0;
};

}  // namespace strata

#endif  // STRATA_RESULT_H_
