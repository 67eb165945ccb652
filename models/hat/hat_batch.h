// Documents of HAT end to end, with who attends to whom inside segments and across them.
#ifndef STRATA_MODELS_HAT_HAT_BATCH_H_
#define STRATA_MODELS_HAT_HAT_BATCH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/plan/structure_plan.h"
#include "models/hat/hat_document.h"

namespace strata::models {

// Queries that attend to the same keys.
struct AttentionGroup {
  std::vector<int32_t> queries, keys;  // rows
  std::vector<int32_t> key_copies;     // of each key; empty: 1
  bool is_uniform = false;             // attends to all keys alike, whatever they are
};

// Who attends to whom among n rows. `families` are the groups whose queries are their keys; the
// plan holds just them. `guests` attend to rows that do not attend to them; in the plan each is a
// root by itself.
struct AttentionSets {
  std::shared_ptr<const kernels::StructurePlan> plan;
  std::vector<AttentionGroup> families, guests;
  std::vector<int32_t> indices;  // [n] places that relative positions count from
};

// B documents, S segments, R rows, the first T of which are attended to: the documents' tokens in
// order. The rest are what the reference computes beside them (hat_document.h). Plain data.
struct HatBatch {
  std::vector<int32_t> token_ids, positions, token_types;  // [R]
  int64_t num_attended = 0;                                // T
  AttentionSets within;                                    // R rows: inside segments

  std::vector<int32_t> first_rows;       // [S] row of a segment's first token
  std::vector<int32_t> cross_positions;  // [S] row of P
  std::vector<int32_t> segment_copies;   // [S]
  std::vector<int32_t> cu_segments;      // [B+1]
  AttentionSets across;                  // S rows: among the first tokens of a document

  std::vector<int32_t> last_rows;      // [B] row that pooling `last` reads
  std::vector<int32_t> last_segments;  // [B] the segment that it is in
  // Padded segments: padded_segments[cu_padded[b] + j] is the place (0 … S-1) of document b's
  // segment number j.
  std::vector<int32_t> padded_segments, cu_padded;

  int64_t num_rows() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t num_segments() const { return static_cast<int64_t>(first_rows.size()); }
  int64_t num_documents() const { return static_cast<int64_t>(cu_segments.size()) - 1; }
};

// INVALID_ARGUMENT: no document, or one without a segment, or a segment without a token.
absl::StatusOr<HatBatch> BatchHatDocuments(absl::Span<const HatDocument> documents);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_BATCH_H_
