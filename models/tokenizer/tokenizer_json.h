// Reads Hugging Face's tokenizer.json and BERT's vocab.txt.
#ifndef STRATA_MODELS_TOKENIZER_TOKENIZER_JSON_H_
#define STRATA_MODELS_TOKENIZER_TOKENIZER_JSON_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// `content` is a tokenizer.json, `name` what error messages call it. Truncation, padding and
// the special tokens of the post-processor are not used. INVALID_ARGUMENT names the field.
absl::StatusOr<std::unique_ptr<Tokenizer>> MakeTokenizerFromJson(const std::string& content,
                                                                 const std::string& name);

// A WordPiece tokenizer by BERT's rules from a vocab.txt, a token a line. `config` is the content
// of tokenizer_config.json (do_lower_case, strip_accents, tokenize_chinese_chars, *_token), `added`
// that of added_tokens.json; empty when there is none.
absl::StatusOr<std::unique_ptr<Tokenizer>> MakeTokenizerFromVocabulary(
    const std::string& vocabulary, const std::string& config, const std::string& added,
    const std::string& name);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_TOKENIZER_JSON_H_
