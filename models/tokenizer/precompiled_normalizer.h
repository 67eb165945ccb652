// SentencePiece's compiled normalization rules: a double array trie of sequences and a table of
// their replacements.
//
// Source: the precompiled_charsmap of a SentencePiece model (uint32 size of the trie in bytes, the
// trie as Darts-clone units, zero-terminated replacements), applied as the package applies it: to
// grapheme clusters under 6 bytes, else to single characters, the shortest rule first.
#ifndef STRATA_MODELS_TOKENIZER_PRECOMPILED_NORMALIZER_H_
#define STRATA_MODELS_TOKENIZER_PRECOMPILED_NORMALIZER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/tokenizer/json_field.h"
#include "models/tokenizer/normalizer.h"

namespace strata::models {

// `field` holds "precompiled_charsmap", base64. INVALID_ARGUMENT: damaged rules.
absl::StatusOr<std::unique_ptr<Normalizer>> ParsePrecompiledNormalizer(const JsonField& field);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_PRECOMPILED_NORMALIZER_H_
