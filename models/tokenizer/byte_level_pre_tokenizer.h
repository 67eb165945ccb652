// GPT-2's pre-tokenizer: words by one regular expression, then a character for each byte.
//
// Source: encoder.py of openai/gpt-2.
#ifndef STRATA_MODELS_TOKENIZER_BYTE_LEVEL_PRE_TOKENIZER_H_
#define STRATA_MODELS_TOKENIZER_BYTE_LEVEL_PRE_TOKENIZER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/tokenizer/json_field.h"
#include "models/tokenizer/pre_tokenizer.h"

namespace strata::models {

// Fields add_prefix_space, use_regex (true when missing). INVALID_ARGUMENT names the field.
absl::StatusOr<std::unique_ptr<PreTokenizer>> ParseByteLevelPreTokenizer(const JsonField& field);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_BYTE_LEVEL_PRE_TOKENIZER_H_
