// Documents end to end, without padding: what a forward pass takes.
#ifndef STRATA_MODELS_BATCH_PACKED_BATCH_H_
#define STRATA_MODELS_BATCH_PACKED_BATCH_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/plan/structure_plan.h"
#include "models/batch/anchored_sequence.h"

namespace strata::models {

// B documents, T tokens in all. Plain data.
struct PackedBatch {
  std::vector<int32_t> token_ids;                 // [T]
  std::vector<TokenRole> roles;                   // [T]
  std::vector<std::array<int32_t, 3>> positions;  // [T]
  std::vector<int32_t> cu_seqlens;                // [B+1], from 0
  // Who attends to whom, for every layer and head; null for a model that does not attend by tree.
  std::shared_ptr<const kernels::StructurePlan> plan;

  int64_t num_tokens() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t num_documents() const { return static_cast<int64_t>(cu_seqlens.size()) - 1; }
};

// INVALID_ARGUMENT: no document, an empty sequence, or one whose parents are no tree.
absl::StatusOr<PackedBatch> Pack(absl::Span<const AnchoredSequence* const> sequences);

}  // namespace strata::models

#endif  // STRATA_MODELS_BATCH_PACKED_BATCH_H_
