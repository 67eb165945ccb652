// The step from a word to token ids, which the three kinds of subword model do differently.
#ifndef STRATA_MODELS_TOKENIZER_MODEL_H_
#define STRATA_MODELS_TOKENIZER_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "models/tokenizer/vocabulary.h"

namespace strata::models {

struct ModelToken {
  int32_t id;
  uint32_t begin, end;  // bytes of the word
};

// Immutable; Tokenize is safe from many threads at once.
class Model {
 public:
  virtual ~Model() = default;

  // Appends the tokens of `word`, which is valid UTF-8 and not empty.
  // FAILED_PRECONDITION: an unknown piece, and the model has no token for such.
  virtual absl::Status Tokenize(std::string_view word, std::vector<ModelToken>& tokens) const = 0;

  virtual std::string_view kind() const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_MODEL_H_
