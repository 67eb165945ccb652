// SentencePiece's way with spaces: each becomes a visible character, and words start with one.
#ifndef STRATA_MODELS_TOKENIZER_METASPACE_PRE_TOKENIZER_H_
#define STRATA_MODELS_TOKENIZER_METASPACE_PRE_TOKENIZER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/tokenizer/json_field.h"
#include "models/tokenizer/pre_tokenizer.h"

namespace strata::models {

// Fields replacement, prepend_scheme (always when missing), split (true when missing), and the
// older add_prefix_space. INVALID_ARGUMENT names the field.
absl::StatusOr<std::unique_ptr<PreTokenizer>> ParseMetaspacePreTokenizer(const JsonField& field);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_METASPACE_PRE_TOKENIZER_H_
