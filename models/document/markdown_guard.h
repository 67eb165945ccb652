// Estimates, before md4c runs, the work of the patterns on which md4c 0.4 is quadratic.
#ifndef STRATA_MODELS_DOCUMENT_MARKDOWN_GUARD_H_
#define STRATA_MODELS_DOCUMENT_MARKDOWN_GUARD_H_

#include <string_view>

#include "absl/status/status.h"

namespace strata::models {

// RESOURCE_EXHAUSTED: more work than a fixed allowance plus a fixed multiple of the size. O(bytes).
absl::Status CheckMarkdownCost(std::string_view text);

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_MARKDOWN_GUARD_H_
