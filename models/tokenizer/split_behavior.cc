#include "models/tokenizer/split_behavior.h"

#include <algorithm>

namespace strata::models {
namespace {

void AppendUnlessEmpty(size_t begin, size_t end, std::vector<Split>& out) {
  if (begin < end) out.push_back({begin, end});
}

// Reads the pieces in the order of [first, last) and joins some to the one before; `joins` is asked
// with (this is a delimiter, the one before is). The start counts as "no delimiter before".
template <typename Iterator, typename Joins>
std::vector<Piece> Join(Iterator first, Iterator last, Joins joins) {
  std::vector<Piece> joined;
  bool previous = false;
  for (; first != last; ++first) {
    if (!joined.empty() && joins(first->is_delimiter, previous)) {
      joined.back().begin = std::min(joined.back().begin, first->begin);
      joined.back().end = std::max(joined.back().end, first->end);
    } else {
      joined.push_back(*first);
    }
    previous = first->is_delimiter;
  }
  return joined;
}

}  // namespace

absl::StatusOr<SplitBehavior> ParseSplitBehavior(const JsonField& field) {
  absl::StatusOr<std::string> name = field.String();
  if (!name.ok()) return name.status();
  if (*name == "Removed") return SplitBehavior::kRemoved;
  if (*name == "Isolated") return SplitBehavior::kIsolated;
  if (*name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (*name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (*name == "Contiguous") return SplitBehavior::kContiguous;
  return field.Error(absl::StrCat("'", *name, "' is not a behavior; use Removed, Isolated, ",
                                  "MergedWithPrevious, MergedWithNext or Contiguous"));
}

void AppendSplits(const std::vector<Piece>& pieces, SplitBehavior behavior,
                  std::vector<Split>& out) {
  const auto delimiter_after_text = [](bool is, bool was) { return is && !was; };
  const auto alike = [](bool is, bool was) { return is == was; };
  std::vector<Piece> joined;
  switch (behavior) {
    case SplitBehavior::kRemoved:
      for (const Piece& piece : pieces) {
        if (!piece.is_delimiter) AppendUnlessEmpty(piece.begin, piece.end, out);
      }
      return;
    case SplitBehavior::kIsolated:
      for (const Piece& piece : pieces) AppendUnlessEmpty(piece.begin, piece.end, out);
      return;
    case SplitBehavior::kMergedWithPrevious:
      joined = Join(pieces.begin(), pieces.end(), delimiter_after_text);
      break;
    case SplitBehavior::kMergedWithNext:
      joined = Join(pieces.rbegin(), pieces.rend(), delimiter_after_text);
      std::reverse(joined.begin(), joined.end());
      break;
    case SplitBehavior::kContiguous:
      joined = Join(pieces.begin(), pieces.end(), alike);
      break;
  }
  for (const Piece& piece : joined) AppendUnlessEmpty(piece.begin, piece.end, out);
}

}  // namespace strata::models
