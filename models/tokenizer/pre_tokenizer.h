// The pre-tokenizers of a tokenizer.json: they cut a text into the words that a model sees.
#ifndef STRATA_MODELS_TOKENIZER_PRE_TOKENIZER_H_
#define STRATA_MODELS_TOKENIZER_PRE_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "models/tokenizer/aligned_text.h"
#include "models/tokenizer/json_field.h"

namespace strata::models {

struct Split {
  size_t begin, end;      // bytes of the aligned text, never empty
  int32_t token_id = -1;  // 0 or more: an added token, which nothing cuts or changes any more
};

// A text, its splits from left to right, and room to build the next ones in.
struct SplitText {
  AlignedText text, scratch_text;
  std::vector<Split> splits, scratch_splits;
};

// Immutable; Apply is safe from many threads at once.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual absl::Status Apply(SplitText& text) const = 0;
  // True for a ByteLevel that comes last and leaves the bytes as they are, for a model that reads
  // bytes (see Bpe); the package would give each byte a character of its own.
  virtual bool UseRawBytes() { return false; }
};

// BertPreTokenizer, ByteLevel, Metaspace, Whitespace, WhitespaceSplit, Punctuation, Digits, Split,
// Sequence. INVALID_ARGUMENT names the field.
absl::StatusOr<std::unique_ptr<PreTokenizer>> ParsePreTokenizer(const JsonField& field);

std::unique_ptr<PreTokenizer> MakeBertPreTokenizer();

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_PRE_TOKENIZER_H_
