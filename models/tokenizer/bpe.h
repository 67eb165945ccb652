// Byte pair encoding: a word starts as characters, and the pair with the lowest rank is merged
// until no pair of the table is left.
//
// Source: Sennrich 2016 (arXiv 1508.07909), with the package's unknown pieces, byte fallback,
// prefix, suffix and ignore_merges.
#ifndef STRATA_MODELS_TOKENIZER_BPE_H_
#define STRATA_MODELS_TOKENIZER_BPE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/tokenizer/json_field.h"
#include "models/tokenizer/model.h"

namespace strata::models {

class Bpe : public Model {
 public:
  // True if each of the 256 stand-ins for bytes (see byte_level.h) is a token, so that text can be
  // read as raw bytes without its detour over those characters.
  virtual bool CanReadRawBytes() const = 0;
  virtual void ReadRawBytes() = 0;  // words are bytes from now on
};

// The "model" of a tokenizer.json. INVALID_ARGUMENT names the field.
absl::StatusOr<std::unique_ptr<Bpe>> ParseBpe(const JsonField& field);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_BPE_H_
