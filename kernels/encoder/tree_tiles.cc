#include "kernels/encoder/tree_tiles.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "kernels/launch/thread_pool.h"

namespace strata::kernels {
namespace {

bool IsLocal(const StructurePlan& plan, const Family& family) {
  if (family.first < 0 || family.size > TreeTiles::kMaxLocalFamily) return false;
  for (int row = 0; row < family.size; ++row) {
    if (row != family.head_row && plan.partial_slots()[family.first + row] >= 0) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<TreeTiles> TreeTiles::Build(const StructurePlan& plan, int num_threads,
                                           int rows_per_tile) {
  const auto families = plan.families();
  std::unique_ptr<bool[]> is_local(new bool[families.size()]);
  // The local family that begins at a token. They do not overlap: a member other than the head is
  // in no other family, and a head's other family is not local.
  std::vector<int32_t> local_family_at(plan.num_tokens(), -1);
  for (size_t f = 0; f < families.size(); ++f) {
    is_local[f] = IsLocal(plan, families[f]);
    if (is_local[f]) local_family_at[families[f].first] = static_cast<int32_t>(f);
  }
  TreeTiles tiles;
  const absl::Status status =
      tiles.Keep(plan, absl::MakeConstSpan(is_local.get(), families.size()));
  if (!status.ok()) return status;
  tiles.Cut(plan, local_family_at,
            static_cast<int>(NumRanges(plan.num_tokens(), rows_per_tile, num_threads)));
  return tiles;
}

absl::Status TreeTiles::Keep(const StructurePlan& plan, absl::Span<const bool> is_local) {
  const int64_t tokens = plan.num_tokens();
  const auto families = plan.families();
  std::vector<bool> is_kept(tokens, false);
  local_slots_.assign(tokens, -1);
  for (size_t f = 0; f < families.size(); ++f) {
    if (is_local[f]) continue;
    for (int row = 0; row < families[f].size; ++row) is_kept[plan.Member(families[f], row)] = true;
  }
  kept_rows_.assign(tokens, -1);
  for (int64_t t = 0; t < tokens; ++t) {
    if (!is_kept[t]) continue;
    kept_rows_[t] = static_cast<int32_t>(kept_tokens_.size());
    kept_tokens_.push_back(static_cast<int32_t>(t));
  }
  for (size_t f = 0; f < families.size(); ++f) {
    const int32_t head = families[f].head;
    if (!is_local[f] || !is_kept[head]) continue;
    local_slots_[head] = static_cast<int32_t>(local_heads_.size());
    local_heads_.push_back(kept_rows_[head]);
  }

  const TreeView tree = plan.tree();
  std::vector<int32_t> parents, cu_seqlens = {0};
  size_t next = 0;
  for (size_t b = 0; b + 1 < tree.cu_seqlens.size(); ++b) {
    for (; next < kept_tokens_.size() && kept_tokens_[next] < tree.cu_seqlens[b + 1]; ++next) {
      const int32_t parent = tree.parents[kept_tokens_[next]];
      parents.push_back(parent < 0 ? -1 : kept_rows_[parent]);
    }
    cu_seqlens.push_back(static_cast<int32_t>(next));
  }
  auto kept_plan = StructurePlan::Build({parents, cu_seqlens});
  if (!kept_plan.ok()) return kept_plan.status();
  kept_plan_ = *std::move(kept_plan);
  return absl::OkStatus();
}

void TreeTiles::Cut(const StructurePlan& plan, absl::Span<const int32_t> local_family_at,
                    int num_tiles) {
  const int32_t tokens = static_cast<int32_t>(plan.num_tokens());
  Tile tile{0, 0, 0, 0};
  while (tile.token_end < tokens) {
    const int32_t f = local_family_at[tile.token_end];
    if (f < 0) {
      ++tile.token_end;
    } else {
      Family family = plan.families()[f];
      family.head -= tile.token_begin;
      family.first -= tile.token_begin;
      local_families_.push_back(family);
      tile.token_end += family.size;
    }
    const int64_t wanted = int64_t{tokens} * (static_cast<int64_t>(tiles_.size()) + 1) / num_tiles;
    if (tile.token_end < wanted) continue;
    tile.family_end = static_cast<int32_t>(local_families_.size());
    tiles_.push_back(tile);
    largest_tile_ = std::max(largest_tile_, tile.token_end - tile.token_begin);
    tile.token_begin = tile.token_end;
    tile.family_begin = tile.family_end;
  }
}

}  // namespace strata::kernels
