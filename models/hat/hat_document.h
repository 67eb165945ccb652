// A document as HAT computes it: segments of any length, with nothing between them.
//
// The reference pads every segment to k tokens and every document to as many segments as the
// longest of its batch has. What is padding there has no row here, unless its value is read: the
// first token of an empty segment (max and attentive pooling see it) and the token that pooling
// `last` names. Such rows attend and are not attended to.
#ifndef STRATA_MODELS_HAT_HAT_DOCUMENT_H_
#define STRATA_MODELS_HAT_HAT_DOCUMENT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/hat/hat_config.h"

namespace strata::models {

struct HatToken {
  int32_t id = 0;
  int32_t position = 0;  // row of the token position table
  int32_t type = 0;
  int32_t index = 0;   // place in the padded segment
  int32_t copies = 1;  // equal tokens of an empty segment that this one stands for
  bool is_attended = true;
};

// The first token stands for the segment. A segment of which no token is attended to is empty: the
// reference lets its tokens attend to all k of them alike.
struct HatSegment {
  std::vector<HatToken> tokens;
  int32_t cross_position = 0;  // row of P: number + 1, or 0 if the first token is not attended to
  int32_t index = 0;           // number in the padded document, from 0
  int32_t copies = 1;          // equal empty segments that this one stands for
};

struct HatDocument {
  std::vector<HatSegment> segments;
  // For each segment of the padded document its place in `segments`.
  std::vector<int32_t> place_of_segment;
  // The token that pooling `last` reads: places in `segments` and in that segment's tokens.
  int32_t last_segment = 0, last_token = 0;
};

// One row of the reference's padded input. All spans have N · k entries; empty ones mean: mask all
// 1, types all 0, positions as the reference makes them.
struct PaddedHatRow {
  absl::Span<const int32_t> ids, mask, types, positions;
};

// The row without what no output depends on. `reads_last`: pooling `last` will be asked for.
// INVALID_ARGUMENT: a length that is not k times 1 … max_sentences, a span of another length, a
// document of fewer than 128 tokens whose `last` is asked for.
absl::StatusOr<HatDocument> DocumentOfPaddedRow(const HatConfig& config, const PaddedHatRow& row,
                                                bool reads_last);

// Position of a token of the text in its segment: `index` + pad + 1, or 0 if its id is the pad id.
int32_t HatTokenPosition(const HatConfig& config, int32_t id, int32_t index);

// Appends the empty segments that padding a document to `num_segments` gives: pad tokens only,
// masked.
void PadWithEmptySegments(const HatConfig& config, int32_t num_segments, HatDocument& document);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_DOCUMENT_H_
