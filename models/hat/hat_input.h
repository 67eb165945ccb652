// A document tree as HAT reads it: segments of at most k tokens, each led by the CLS token.
//
// In the AnchoredSequence a segment's first token is a root with the role of a sentence's anchor,
// and the segment's tokens are its children; positions are rows of HAT's tables: {token position,
// cross-segment position, token type}.
#ifndef STRATA_MODELS_HAT_HAT_INPUT_H_
#define STRATA_MODELS_HAT_HAT_INPUT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "models/batch/anchored_sequence.h"
#include "models/batch/packed_batch.h"
#include "models/document/document_tree.h"
#include "models/hat/hat_config.h"
#include "models/hat/hat_document.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// The tree's leaves (headings and sentences, in order), tokenized one by one and cut as
// config.segmentation says; no token is lost, and one in the overlap of two segments stands twice.
// A segment's node is the innermost that holds all its text. A document without text is one segment
// of the CLS alone. `cls_id`: the CLS token.
// A cut is allowed with `max_tokens` > 0: then at most so many tokens and at most
// config.max_segments() segments are kept, and num_words_kept says so. RESOURCE_EXHAUSTED: without
// it, more segments than the model has positions for.
absl::StatusOr<AnchoredSequence> AnchorSegments(const HatConfig& config, int32_t cls_id,
                                                const DocumentTree& tree,
                                                const Tokenizer& tokenizer, int64_t max_tokens);

// The documents of a packed batch of such sequences, with the padding that the configuration counts
// in (segment_padding, empty_segments).
struct UnpackedHat {
  std::vector<HatDocument> documents;
  // [T] row of each token among the attended rows of BatchHatDocuments(documents); empty: its own.
  std::vector<int32_t> rows;
};
UnpackedHat UnpackHatDocuments(const HatConfig& config, const PackedBatch& batch);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_INPUT_H_
