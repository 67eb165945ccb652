#include "kernels/plan/structure_plan.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::kernels {
namespace {

// Work of a member beside its pairs (copying its rows into a tile), counted in pairs.
constexpr int64_t kCostPerMember = 24;
// Small families are put together into items of about this cost: some 0.1-0.2 ms of 12 heads.
constexpr int64_t kItemCost = 4096;

absl::Status CheckSeqlens(const TreeView& tree) {
  const auto& offsets = tree.cu_seqlens;
  if (tree.parents.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 2)) {
    return absl::InvalidArgumentError(absl::StrCat("structure plan: ", tree.parents.size(),
                                                   " tokens; at most 2^30, split the batch"));
  }
  if (offsets.empty() || offsets.front() != 0) {
    return absl::InvalidArgumentError(
        "structure plan: cu_seqlens must hold the number of documents + 1 offsets, starting with "
        "0");
  }
  for (size_t b = 1; b < offsets.size(); ++b) {
    if (offsets[b] < offsets[b - 1]) {
      return absl::InvalidArgumentError(absl::StrCat(
          "structure plan: cu_seqlens[", b, "] = ", offsets[b], " is less than cu_seqlens[", b - 1,
          "] = ", offsets[b - 1], "; offsets must not fall"));
    }
  }
  if (offsets.back() != static_cast<int64_t>(tree.parents.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("structure plan: cu_seqlens ends with ", offsets.back(), " but parents has ",
                     tree.parents.size(), " tokens; both must be equal"));
  }
  return absl::OkStatus();
}

absl::Status CheckParents(const TreeView& tree) {
  for (size_t b = 0; b + 1 < tree.cu_seqlens.size(); ++b) {
    const int32_t begin = tree.cu_seqlens[b], end = tree.cu_seqlens[b + 1];
    for (int32_t t = begin; t < end; ++t) {
      const int32_t parent = tree.parents[t];
      if (parent == -1 || (parent >= begin && parent < end)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "structure plan: token ", t, " has parent ", parent, ", outside its document ", b,
          " (tokens ", begin, " to ", end - 1, "); use -1 for a root"));
    }
  }
  return absl::OkStatus();
}

// Walks up from each token until it meets a token that was seen before; meeting one of the same
// walk is a cycle. Every token is walked over once, so the whole is O(T).
absl::Status CheckCycles(absl::Span<const int32_t> parents) {
  std::vector<int32_t> walk_of(parents.size(), -1);
  for (int32_t start = 0; start < static_cast<int32_t>(parents.size()); ++start) {
    int32_t t = start;
    while (t >= 0 && walk_of[t] < 0) {
      walk_of[t] = start;
      t = parents[t];
    }
    if (t >= 0 && walk_of[t] == start) {
      return absl::InvalidArgumentError(absl::StrCat("structure plan: token ", t,
                                                     " is its own ancestor (its parent is ",
                                                     parents[t], "); the parents must form trees"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const StructurePlan>> StructurePlan::Build(const TreeView& tree) {
  if (absl::Status status = CheckSeqlens(tree); !status.ok()) return status;
  if (absl::Status status = CheckParents(tree); !status.ok()) return status;
  if (absl::Status status = CheckCycles(tree.parents); !status.ok()) return status;

  std::shared_ptr<StructurePlan> plan(new StructurePlan());
  plan->parents_.assign(tree.parents.begin(), tree.parents.end());
  plan->cu_seqlens_.assign(tree.cu_seqlens.begin(), tree.cu_seqlens.end());

  // Children of every token, rising: a counting sort by parent.
  const int32_t num_tokens = static_cast<int32_t>(tree.parents.size());
  std::vector<int32_t> child_begin(num_tokens + 1, 0);
  for (int32_t parent : tree.parents) {
    if (parent >= 0) ++child_begin[parent + 1];
  }
  for (int32_t t = 0; t < num_tokens; ++t) child_begin[t + 1] += child_begin[t];
  std::vector<int32_t> children(child_begin[num_tokens]);
  std::vector<int32_t> next(child_begin.begin(), child_begin.end() - 1);
  for (int32_t t = 0; t < num_tokens; ++t) {
    if (tree.parents[t] >= 0) children[next[tree.parents[t]]++] = t;
  }
  plan->BuildFamilies(child_begin, children);
  plan->BuildItems();
  return std::shared_ptr<const StructurePlan>(std::move(plan));
}

void StructurePlan::BuildFamilies(absl::Span<const int32_t> child_begin,
                                  absl::Span<const int32_t> children) {
  const int32_t num_tokens = static_cast<int32_t>(parents_.size());
  partial_slots_.assign(num_tokens, -1);
  for (int32_t head = 0; head < num_tokens; ++head) {
    const absl::Span<const int32_t> kids =
        children.subspan(child_begin[head], child_begin[head + 1] - child_begin[head]);
    const bool is_root = parents_[head] < 0;
    if (kids.empty() && !is_root) continue;  // a leaf: family {x} adds nothing to its parent's

    Family family;
    family.head = head;
    family.size = static_cast<int32_t>(kids.size()) + 1;
    family.head_row =
        static_cast<int32_t>(std::lower_bound(kids.begin(), kids.end(), head) - kids.begin());
    family.head_is_root = is_root;
    const int32_t lowest = kids.empty() ? head : std::min(head, kids.front());
    const int32_t highest = kids.empty() ? head : std::max(head, kids.back());
    if (highest - lowest + 1 == family.size) {
      family.first = lowest;
      family.gather_begin = -1;
    } else {
      family.first = -1;
      family.gather_begin = static_cast<int32_t>(gather_.size());
      gather_.insert(gather_.end(), kids.begin(), kids.begin() + family.head_row);
      gather_.push_back(head);
      gather_.insert(gather_.end(), kids.begin() + family.head_row, kids.end());
    }
    families_.push_back(family);

    const int64_t size = family.size;
    num_pairs_ += size * size - (is_root ? 0 : 1);
    if (!is_root) {
      partial_slots_[head] = static_cast<int32_t>(partial_tokens_.size());
      partial_tokens_.push_back(head);
    }
  }
}

void StructurePlan::BuildItems() {
  using Kind = WorkItem::Kind;
  // Split families first: they are the largest items, and thus never the last to start.
  for (int32_t f = 0; f < static_cast<int32_t>(families_.size()); ++f) {
    const int32_t size = families_[f].size;
    if (size <= kMaxWholeFamily) continue;
    for (int32_t begin = 0; begin < size; begin += kRowsPerItem) {
      const int32_t end = std::min(size, begin + kRowsPerItem);
      const int64_t cost = int64_t{end - begin} * size + kCostPerMember * size;
      forward_items_.push_back({Kind::kRows, f, f + 1, begin, end, cost});
      backward_items_.push_back({Kind::kRows, f, f + 1, begin, end, cost});
      backward_items_.push_back({Kind::kColumns, f, f + 1, begin, end, cost});
    }
  }
  WorkItem item{Kind::kFamilies, 0, 0, 0, 0, 0};
  auto close = [&](int32_t next_family) {
    if (item.family_end > item.family_begin) {
      forward_items_.push_back(item);
      backward_items_.push_back(item);
    }
    item = {Kind::kFamilies, next_family, next_family, 0, 0, 0};
  };
  for (int32_t f = 0; f < static_cast<int32_t>(families_.size()); ++f) {
    const int64_t size = families_[f].size;
    if (size > kMaxWholeFamily) {
      close(f + 1);
      continue;
    }
    item.family_end = f + 1;
    item.cost += size * size + kCostPerMember * size;
    if (item.cost >= kItemCost) close(f + 1);
  }
  close(0);
}

}  // namespace strata::kernels
