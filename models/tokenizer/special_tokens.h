// The names of a model folder's special tokens.
#ifndef STRATA_MODELS_TOKENIZER_SPECIAL_TOKENS_H_
#define STRATA_MODELS_TOKENIZER_SPECIAL_TOKENS_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// A name is empty where no file gives one.
struct SpecialTokens {
  std::string cls, sep, pad, mask, unk;  // cls_token, sep_token, …
};

// From special_tokens_map.json, then tokenizer_config.json of a folder (a token is a string or an
// object with "content"). A folder with neither gives empty names. INVALID_ARGUMENT names a file
// that is no JSON object.
absl::StatusOr<SpecialTokens> ReadSpecialTokens(const std::string& folder);

// The id of a special token: that of `name`, or where it is empty, of the first of the usual names
// that the tokenizer has ("[CLS]", "<s>", …). INVALID_ARGUMENT: it has none; `what` is how the
// message calls it.
absl::StatusOr<int32_t> SpecialTokenId(const Tokenizer& tokenizer, const std::string& name,
                                       std::initializer_list<const char*> usual_names,
                                       const std::string& what);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_SPECIAL_TOKENS_H_
