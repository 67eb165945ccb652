// Tokenizer over a SentencePiece .model: ids and offsets are libsentencepiece's.
#ifndef STRATA_MODELS_TOKENIZER_SENTENCEPIECE_TOKENIZER_H_
#define STRATA_MODELS_TOKENIZER_SENTENCEPIECE_TOKENIZER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// `model` is the file's content, `name` what error messages call it. INVALID_ARGUMENT: not a model.
absl::StatusOr<std::unique_ptr<Tokenizer>> MakeSentencePieceTokenizer(const std::string& model,
                                                                      const std::string& name);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_SENTENCEPIECE_TOKENIZER_H_
