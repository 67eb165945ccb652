// Estimates, before gumbo runs, what a hostile HTML text would cost it: gumbo walks its stack of
// open elements for a tag, copies unclosed formatting elements into every block, compares each
// attribute of a tag with all others, and keeps some 300 bytes for each tag.
#ifndef STRATA_MODELS_DOCUMENT_HTML_GUARD_H_
#define STRATA_MODELS_DOCUMENT_HTML_GUARD_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace strata::models {

// RESOURCE_EXHAUSTED: more than `max_tags` tags, or nesting, unclosed formatting or attributes
// whose work grows faster than the text. O(bytes). Follows the rules of the HTML standard where
// they bound the work from above and assumes the worse where it does not.
absl::Status CheckHtmlCost(std::string_view text, int64_t max_tags);

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_HTML_GUARD_H_
