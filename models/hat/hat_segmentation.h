// Where segments begin and end in a document's tokens.
//
// Source: coastalcph/hierarchical-transformers, tokenization_hat.py (uniform cut, grouping of
// sentences); 'Revisiting Transformer-based Models for Long Document Classification' (arXiv
// 2204.06683): segments that overlap.
#ifndef STRATA_MODELS_HAT_HAT_SEGMENTATION_H_
#define STRATA_MODELS_HAT_HAT_SEGMENTATION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace strata::models {

// Tokens [begin, end) of a document, without the first token that stands for the segment.
struct TokenRange {
  int64_t begin = 0, end = 0;
};

// In all of these `room` > 0 is the largest number of tokens of a segment (k - 1), and
// `sentence_lengths` the tokens of each sentence, in order, which together are the document.

// Runs of `room` tokens, the last one what is left; each shares its first `overlap` < room tokens
// with the one before.
std::vector<TokenRange> CutUniformly(int64_t num_tokens, int64_t room, int64_t overlap = 0);

// A sentence joins the open segment while it fits, else it opens the next; one longer than `room`
// fills as many as it needs, and what is left of it stays open. No token is lost.
std::vector<TokenRange> GroupSentences(absl::Span<const int64_t> sentence_lengths, int64_t room);

// Every sentence opens a segment; one longer than `room` fills several. Empty ones give none.
std::vector<TokenRange> CutAtSentences(absl::Span<const int64_t> sentence_lengths, int64_t room);

// The reference's grouping, which loses tokens: a sentence longer than `room` that meets an open
// segment becomes the next one, cut at `room`; one that meets none fills a segment, its token
// number `room` is lost and what follows stays open. At most `max_segments` segments, the rest of
// the document is lost.
std::vector<TokenRange> GroupSentencesAsReference(absl::Span<const int64_t> sentence_lengths,
                                                  int64_t room, int64_t max_segments);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_SEGMENTATION_H_
