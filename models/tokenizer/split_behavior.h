// What happens to the delimiters when a text is split at them.
#ifndef STRATA_MODELS_TOKENIZER_SPLIT_BEHAVIOR_H_
#define STRATA_MODELS_TOKENIZER_SPLIT_BEHAVIOR_H_

#include <vector>

#include "absl/status/statusor.h"
#include "models/tokenizer/json_field.h"
#include "models/tokenizer/pre_tokenizer.h"

namespace strata::models {

// "the-final--countdown" at "-": Removed the final countdown; Isolated the - final - - countdown;
// MergedWithPrevious the- final- - countdown; MergedWithNext the -final - -countdown;
// Contiguous the - final -- countdown.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

absl::StatusOr<SplitBehavior> ParseSplitBehavior(const JsonField& field);

struct Piece {
  size_t begin, end;
  bool is_delimiter;
};

// Appends to `out` what becomes of `pieces`, which cover a split from left to right.
void AppendSplits(const std::vector<Piece>& pieces, SplitBehavior behavior,
                  std::vector<Split>& out);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_SPLIT_BEHAVIOR_H_
