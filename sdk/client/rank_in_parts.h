// Ranks candidates in as many calls as they need: what both connections do alike.
#ifndef STRATA_SDK_CLIENT_RANK_IN_PARTS_H_
#define STRATA_SDK_CLIENT_RANK_IN_PARTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "strata/document.h"
#include "strata/export.h"
#include "strata/result.h"

namespace strata::internal {

// What one call carries.
struct RankPartLimits {
  std::size_t candidates = 1000;  // as many as the service takes
  std::int64_t bytes = std::int64_t{8} << 20;
};

// Reads one candidate after the other and gives it to `add`; `send` ends a call and gives its
// answer, whose indices count the candidates added since the call before. The whole is ordered as
// Ranking says and cut to `top_k` (0 = all). A candidate that cannot be read has the error in its
// result; if none can be read, or a call fails, that error is returned. Without candidates there is
// one call, which says what is wrong.
STRATA_API absl::StatusOr<Ranking> RankInParts(
    const DocumentInput& document, const std::vector<DocumentInput>& candidates, std::int32_t top_k,
    const RankPartLimits& limits,
    absl::FunctionRef<void(const DocumentInput& candidate, std::string bytes)> add,
    absl::FunctionRef<absl::StatusOr<Ranking>()> send);

}  // namespace strata::internal

#endif  // STRATA_SDK_CLIENT_RANK_IN_PARTS_H_
