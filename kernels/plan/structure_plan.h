// StructurePlan: who attends to whom in a packed batch of document trees, as a union of families.
//
// A packed batch holds B documents end to end, T tokens in all. Every token (anchors included) is a
// node of its document's tree; parents[t] is the index of its parent in the batch, -1 for a root.
//   family(p) = {p} ∪ children(p)
//   token x attends to family(parent(x)) ∪ family(x), each key once; a root to family(x).
// Any depth, any number of children, any order of parent and child within the document.
//
// Equality with HDT's masks (arXiv 2407.08330). There every token has bits keep_l and numbers
// hash_l for the levels l = 0 (sentences), 1 (sections), 2 (document), and x attends to y iff on
// some level keep_l(x) = keep_l(y) = 1 and hash_l(x) = hash_l(y). Proof that both name the same
// pairs:
//   (a) For a level l and a value c let G(l, c) be the tokens with keep_l = 1 and hash_l = c; x and
//   y
//       attend iff some G holds both. G(0, i) is sentence i: its <cls> and words, that is
//       family(<cls> i). G(1, s) is <sec> s and the <cls> of its sentences: family(<sec> s).
//       G(2, 0) is <doc>, all <sec> and the global query tokens, which are leaf children of <doc>:
//       family(<doc>). Every family of the tree is one of these and the other way round (a
//       childless anchor's is {x}).
//   (b) So x and y attend iff some family(p) holds both. x lies in family(p) iff p = x or
//       p = parent(x); hence y ranges over exactly family(x) ∪ family(parent(x)).                 ∎
// Nothing in (b) needs three levels. The relation is symmetric, and x always attends to itself.
//
// What the kernels use: the families with at least two members, and those of lone roots, are the
// blocks of the attention matrix. family(x) and family(parent(x)) share only x, so the pairs are
// the disjoint union of the squares of all families, less the pair (p, p) of each family whose head
// p has a parent (counted there). A token is a row and a column of at most two families.
#ifndef STRATA_KERNELS_PLAN_STRUCTURE_PLAN_H_
#define STRATA_KERNELS_PLAN_STRUCTURE_PLAN_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace strata::kernels {

// The trees of a packed batch, as the caller holds them. Borrowed for the length of a call.
struct TreeView {
  absl::Span<const int32_t> parents;  // [T] index of the parent in the packed batch; -1: a root
  absl::Span<const int32_t>
      cu_seqlens;  // [B + 1] from 0 to T, never falling; empty documents allowed
};

// One square block of the attention matrix: all members attend to all members, except that the head
// does not attend to itself here if it has a parent.
struct Family {
  int32_t head;   // token index of the head p
  int32_t size;   // members, head included
  int32_t first;  // members are the tokens first … first + size - 1, or -1: see gather_begin
  int32_t gather_begin;  // members are gather()[gather_begin … + size), rising; -1 if contiguous
  int32_t head_row;      // place of the head among the members
  bool head_is_root;
};

// A piece of work for one thread. Costs are in pairs, with an allowance for each member.
struct WorkItem {
  enum class Kind : int8_t {
    kFamilies,  // all rows (and all columns) of families [family_begin, family_end)
    kRows,      // rows [begin, end) of the one family family_begin, against all its columns
    kColumns,   // columns [begin, end) of that family, over all its rows (backward: dk and dv)
  };
  Kind kind;
  int32_t family_begin, family_end;
  int32_t begin, end;
  int64_t cost;
};

// Immutable; shared by every layer and head that runs on the batch. Thread-safe.
class StructurePlan {
 public:
  // Families larger than this are split into items of kRowsPerItem rows.
  static constexpr int kMaxWholeFamily = 128;
  static constexpr int kRowsPerItem = 64;

  // O(T) time and memory. INVALID_ARGUMENT, naming the token: cu_seqlens that do not run from 0 to
  // T without falling; a parent outside its own document; a token that is its own ancestor.
  static absl::StatusOr<std::shared_ptr<const StructurePlan>> Build(const TreeView& tree);

  int64_t num_tokens() const { return static_cast<int64_t>(parents_.size()); }
  int64_t num_documents() const { return static_cast<int64_t>(cu_seqlens_.size()) - 1; }
  int64_t num_pairs() const { return num_pairs_; }  // (query, key) pairs that attend; exact
  TreeView tree() const { return {parents_, cu_seqlens_}; }

  absl::Span<const Family> families() const { return families_; }
  absl::Span<const int32_t> gather() const { return gather_; }
  // Token index of member `row` of a family.
  int32_t Member(const Family& family, int row) const {
    return family.first >= 0 ? family.first + row : gather_[family.gather_begin + row];
  }

  // Tokens with both a parent and children lie in two families; each has a slot in which a kernel
  // keeps one of its two partial results. partial_tokens()[slot] = token, partial_slots()[token] =
  // slot or -1.
  absl::Span<const int32_t> partial_tokens() const { return partial_tokens_; }
  absl::Span<const int32_t> partial_slots() const { return partial_slots_; }

  // Together each row of each family is computed once (forward); in backward a split family has row
  // items for dq and column items for dk, dv. The large ones stand first.
  absl::Span<const WorkItem> forward_items() const { return forward_items_; }
  absl::Span<const WorkItem> backward_items() const { return backward_items_; }

 private:
  StructurePlan() = default;
  void BuildFamilies(absl::Span<const int32_t> child_begin, absl::Span<const int32_t> children);
  void BuildItems();

  std::vector<int32_t> parents_, cu_seqlens_;
  std::vector<Family> families_;
  std::vector<int32_t> gather_;
  std::vector<int32_t> partial_tokens_, partial_slots_;
  std::vector<WorkItem> forward_items_, backward_items_;
  int64_t num_pairs_ = 0;
};

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_PLAN_STRUCTURE_PLAN_H_
