// The normalizers of a tokenizer.json: text to text, alignment kept.
#ifndef STRATA_MODELS_TOKENIZER_NORMALIZER_H_
#define STRATA_MODELS_TOKENIZER_NORMALIZER_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "models/tokenizer/aligned_text.h"
#include "models/tokenizer/json_field.h"

namespace strata::models {

// Immutable; Apply is safe from many threads at once.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Rewrites `text`; `scratch` is work space, its content is lost.
  virtual absl::Status Apply(AlignedText& text, AlignedText& scratch) const = 0;
};

// BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend,
// Precompiled, Nmt, ByteLevel, Sequence. INVALID_ARGUMENT names the field.
absl::StatusOr<std::unique_ptr<Normalizer>> ParseNormalizer(const JsonField& field);

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents;  // none: as `lowercase`
  bool lowercase = true;
};
std::unique_ptr<Normalizer> MakeBertNormalizer(const BertNormalizerOptions& options);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_NORMALIZER_H_
