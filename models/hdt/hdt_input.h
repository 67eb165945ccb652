// A document as HDT reads it: <doc>, then per section <sec>, then per sentence <cls> and its
// tokens.
//
// Source: HDT (arXiv 2407.08330) §3; autonomousvision/hdt, HDTTokenizer.
#ifndef STRATA_MODELS_HDT_HDT_INPUT_H_
#define STRATA_MODELS_HDT_HDT_INPUT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "models/batch/anchored_sequence.h"
#include "models/document/document_tree.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// Ids of the anchor tokens, looked up by name.
struct HdtAnchorIds {
  int32_t document = 0;  // "<doc>"
  int32_t section = 0;   // "<sec>"
  int32_t sentence = 0;  // "<cls>", or "[CLS]"

  // INVALID_ARGUMENT names the token that the tokenizer lacks.
  static absl::StatusOr<HdtAnchorIds> Find(const Tokenizer& tokenizer);
};

struct HdtSentence {
  std::vector<int32_t> token_ids;
  std::vector<ByteSpan> spans;  // parallel to token_ids, in the document's text
  int32_t node = -1;
  ByteSpan span;  // of the node
};

struct HdtSection {
  std::vector<HdtSentence> sentences;
  int32_t node = -1;
  ByteSpan span;
};

// The rule of the reference, also for empty parts: an empty sentence leaves its <cls>; an empty
// section leaves nothing, but if the first one is empty a second <sec> follows the first.
// `global_query`: tokens in front that see and are seen by <doc>, every <sec> and each other.
// `max_tokens` (0 = none) cuts the row anywhere, the query included in the count.
AnchoredSequence AnchorSections(const std::vector<HdtSection>& sections, const HdtAnchorIds& ids,
                                const std::vector<int32_t>& global_query, ByteSpan document_span,
                                int64_t max_tokens);

// The tree's leaves (headings and sentences, in order), grouped by the innermost section that holds
// them. Deeper levels of the tree keep their order and their node; HDT itself has these three.
absl::StatusOr<std::vector<HdtSection>> TokenizeTree(const DocumentTree& tree,
                                                     const Tokenizer& tokenizer);

}  // namespace strata::models

#endif  // STRATA_MODELS_HDT_HDT_INPUT_H_
