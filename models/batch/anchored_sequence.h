// One document as an encoder sees it: tokens and anchor tokens in order, each with its parent.
#ifndef STRATA_MODELS_BATCH_ANCHORED_SEQUENCE_H_
#define STRATA_MODELS_BATCH_ANCHORED_SEQUENCE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "models/document/byte_span.h"

namespace strata::models {

// What one token stands for.
enum class TokenRole : uint8_t {
  kWord,            // a token of the text
  kSentenceAnchor,  // <cls>
  kSectionAnchor,   // <sec>
  kDocumentAnchor,  // <doc>
  kSeparator,       // closes a segment: [SEP]
  kGlobalQuery,     // a token of a query in front, seen by the document's and sections' anchors
};

// All rows have T entries. Plain data; owned by one thread at a time.
struct AnchoredSequence {
  std::vector<int32_t> token_ids;
  std::vector<TokenRole> roles;
  std::vector<int32_t> parents;                   // index in this sequence; -1 for <doc>
  std::vector<std::array<int32_t, 3>> positions;  // hierarchical positions, level 0, 1, 2
  std::vector<int32_t> nodes;   // node of the DocumentTree; -1 for a query's tokens
  std::vector<ByteSpan> spans;  // in DocumentTree::text(); an anchor has its node's

  int64_t num_words_seen = 0;  // text tokens in the whole document
  int64_t num_words_kept = 0;  // of these, in the sequence; fewer only if a limit was asked for

  int64_t num_tokens() const { return static_cast<int64_t>(token_ids.size()); }

  // One more token. The counts of words are the caller's.
  void Append(int32_t id, TokenRole role, int32_t parent, std::array<int32_t, 3> position,
              int32_t node, ByteSpan span) {
    token_ids.push_back(id);
    roles.push_back(role);
    parents.push_back(parent);
    positions.push_back(position);
    nodes.push_back(node);
    spans.push_back(span);
  }
};

}  // namespace strata::models

#endif  // STRATA_MODELS_BATCH_ANCHORED_SEQUENCE_H_
