// Text to token ids, each with its bytes in the text: WordPiece, byte-level BPE, Unigram,
// SentencePiece.
//
// Source: ids and offsets equal those of Hugging Face's `tokenizers` for a vocab.txt or
// tokenizer.json, and of SentencePiece for a .model file.
#ifndef STRATA_MODELS_TOKENIZER_TOKENIZER_H_
#define STRATA_MODELS_TOKENIZER_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "models/document/byte_span.h"

namespace strata::models {

// One text's tokens, without the special tokens that a post-processor would add.
struct Encoding {
  std::vector<int32_t> ids;       // [T]
  std::vector<ByteSpan> offsets;  // [T] bytes of the text given to Encode
};

// Immutable once loaded; Encode is safe from many threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // `path`: tokenizer.json, vocab.txt, a SentencePiece .model, or a folder that holds one of
  // tokenizer.json, spiece.model, tokenizer.model, vocab.txt (tried in this order; a
  // tokenizer_config.json beside vocab.txt gives do_lower_case etc., added_tokens.json more
  // tokens). NOT_FOUND, INVALID_ARGUMENT (says the field and what is supported).
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const std::string& path);

  // Appends nothing and keeps no state: `encoding` is overwritten (its capacity is reused).
  // `text` must be valid UTF-8 (INVALID_ARGUMENT names the byte otherwise).
  virtual absl::Status Encode(std::string_view text, Encoding& encoding) const = 0;

  // The text that the tokens stand for; special tokens and unknown ids leave nothing. Equals
  // decode() of the package, or SentencePiece's for a .model. Not the source: what normalization
  // and the splitting into words took away does not come back.
  virtual std::string Decode(const std::vector<int32_t>& ids) const = 0;

  virtual int32_t vocab_size() const = 0;  // added tokens included: the largest id + 1
  virtual std::optional<int32_t> TokenToId(std::string_view token) const = 0;
  virtual std::string IdToToken(int32_t id) const = 0;  // empty when there is none
  virtual std::string_view kind() const = 0;  // "wordpiece", "bpe", "unigram", "sentencepiece"
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_TOKENIZER_H_
