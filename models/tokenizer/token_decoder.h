// From tokens back to text: the decoders of a tokenizer.json.
//
// Source: the `tokenizers` package; the text equals that of its decode().
#ifndef STRATA_MODELS_TOKENIZER_TOKEN_DECODER_H_
#define STRATA_MODELS_TOKENIZER_TOKEN_DECODER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/tokenizer/json_field.h"

namespace strata::models {

// Immutable; Apply is safe from many threads at once.
class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  // Rewrites the tokens so that they give the text when joined.
  virtual void Apply(std::vector<std::string>& tokens) const = 0;
};

// BPEDecoder, ByteFallback, ByteLevel, CTC, Fuse, Metaspace, Replace, Sequence, Strip, WordPiece.
// INVALID_ARGUMENT names the field.
absl::StatusOr<std::unique_ptr<TokenDecoder>> ParseTokenDecoder(const JsonField& field);

// BERT's: pieces with `prefix` go on with the token before, others stand behind a space; `cleanup`
// closes up punctuation and English contractions.
std::unique_ptr<TokenDecoder> MakeWordPieceDecoder(const std::string& prefix, bool cleanup);

// Bytes as UTF-8; each maximal part of a character that is not complete becomes U+FFFD, as
// Unicode recommends (table 3-8).
std::string ToValidUtf8(const std::string& bytes);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_TOKEN_DECODER_H_
