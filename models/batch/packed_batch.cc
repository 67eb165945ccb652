#include "models/batch/packed_batch.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {

absl::StatusOr<PackedBatch> Pack(absl::Span<const AnchoredSequence* const> sequences) {
  if (sequences.empty()) return absl::InvalidArgumentError("a batch needs at least one document");
  int64_t total = 0;
  for (size_t b = 0; b < sequences.size(); ++b) {
    if (sequences[b]->num_tokens() == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("document ", b, " of the batch has no tokens"));
    }
    total += sequences[b]->num_tokens();
  }
  if (total > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(absl::StrCat("a batch of ", total, " tokens is too large"));
  }
  PackedBatch batch;
  batch.token_ids.reserve(total);
  batch.roles.reserve(total);
  batch.positions.reserve(total);
  batch.cu_seqlens.reserve(sequences.size() + 1);
  batch.cu_seqlens.push_back(0);
  std::vector<int32_t> parents;
  parents.reserve(total);
  for (const AnchoredSequence* sequence : sequences) {
    const int32_t first = batch.cu_seqlens.back();
    batch.token_ids.insert(batch.token_ids.end(), sequence->token_ids.begin(),
                           sequence->token_ids.end());
    batch.roles.insert(batch.roles.end(), sequence->roles.begin(), sequence->roles.end());
    batch.positions.insert(batch.positions.end(), sequence->positions.begin(),
                           sequence->positions.end());
    for (int32_t parent : sequence->parents) parents.push_back(parent < 0 ? -1 : first + parent);
    batch.cu_seqlens.push_back(static_cast<int32_t>(batch.token_ids.size()));
  }
  auto plan = kernels::StructurePlan::Build({parents, batch.cu_seqlens});
  if (!plan.ok()) return plan.status();
  batch.plan = *std::move(plan);
  return batch;
}

}  // namespace strata::models
