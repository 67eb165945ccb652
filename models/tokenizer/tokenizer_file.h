// Which file of a model folder holds its tokenizer.
#ifndef STRATA_MODELS_TOKENIZER_TOKENIZER_FILE_H_
#define STRATA_MODELS_TOKENIZER_TOKENIZER_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace strata::models {

// `path` itself, or in a folder the first there of tokenizer.json, spiece.model, tokenizer.model
// and vocab.txt. NOT_FOUND: there is no such path, or the folder holds none of them.
absl::StatusOr<std::string> FindTokenizerFile(const std::string& path);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_TOKENIZER_FILE_H_
