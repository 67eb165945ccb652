// Unicode normal forms that keep track of where each character came from.
//
// Source: UAX 15 with the tables of Unicode 9 (the age of the package's tables); which character
// counts as replaced and which as inserted follows the package, and so do the offsets.
#ifndef STRATA_MODELS_TOKENIZER_UNICODE_NORMALIZER_H_
#define STRATA_MODELS_TOKENIZER_UNICODE_NORMALIZER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/tokenizer/aligned_text.h"
#include "models/tokenizer/normalizer.h"

namespace strata::models {

enum class NormalForm { kNfd, kNfc, kNfkd, kNfkc };

// Appends the normal form of in.text[begin, end) to `out`. The range must start at a character
// that cannot combine with what stands before it (any ASCII character will do).
void AppendNormalForm(NormalForm form, const AlignedText& in, size_t begin, size_t end,
                      AlignedText& out);

std::unique_ptr<Normalizer> MakeUnicodeNormalizer(NormalForm form);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_UNICODE_NORMALIZER_H_
