// A document as SMITH reads it: sentence blocks, each [CLS] words [SEP] [SEP].
//
// Source: google-research/google-research, smith/preprocessing_smith.py, greedy sentence filling.
#ifndef STRATA_MODELS_SMITH_SMITH_INPUT_H_
#define STRATA_MODELS_SMITH_SMITH_INPUT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "models/batch/anchored_sequence.h"
#include "models/document/document_tree.h"
#include "models/smith/smith_config.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

struct SmithTokenIds {
  int32_t first = 0;      // "[CLS]"
  int32_t separator = 0;  // "[SEP]"

  // INVALID_ARGUMENT names the token that the tokenizer lacks.
  static absl::StatusOr<SmithTokenIds> Find(const Tokenizer& tokenizer);
};

// One natural sentence.
struct SmithSentence {
  std::vector<int32_t> token_ids;
  std::vector<ByteSpan> spans;  // parallel to token_ids, in the document's text
  int32_t node = -1;
};

struct SmithInput {
  AnchoredSequence sequence;
  int64_t num_blocks = 0;  // that the document fills; fewer stand in the sequence where it was cut
};

// Fills blocks greedily: a block takes whole sentences while they fit; a sentence that does not fit
// opens the next block. A sentence longer than a block is cut there and its rest is lost, or
// continues in the next block with continue_long_sentences; after such a rest the block is filled
// on. Surplus blocks beyond loop_sent_number_per_doc are left out. Sentences without a token leave
// nothing. `max_tokens` (0 = none) is a further limit, in whole blocks.
//
// Tokens: [CLS] has role kSentenceAnchor and is the root of its block's tokens; positions = {place
// in the block, number of the block}. num_words_seen counts all words, lost ones too.
SmithInput FillSmithBlocks(const std::vector<SmithSentence>& sentences, const SmithConfig& config,
                           const SmithTokenIds& ids, int64_t max_tokens);

// The tree's leaves (headings and sentences, in order).
absl::StatusOr<std::vector<SmithSentence>> TokenizeSmithSentences(const DocumentTree& tree,
                                                                  const Tokenizer& tokenizer);

}  // namespace strata::models

#endif  // STRATA_MODELS_SMITH_SMITH_INPUT_H_
