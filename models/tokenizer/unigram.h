// Unigram: the most probable way to read a word as pieces, by Viterbi's algorithm.
//
// Source: Kudo 2018 (arXiv 1804.10959); the search and its ties as in the package.
#ifndef STRATA_MODELS_TOKENIZER_UNIGRAM_H_
#define STRATA_MODELS_TOKENIZER_UNIGRAM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/tokenizer/json_field.h"
#include "models/tokenizer/model.h"

namespace strata::models {

// The "model" of a tokenizer.json. INVALID_ARGUMENT names the field.
absl::StatusOr<std::unique_ptr<Model>> ParseUnigram(const JsonField& field);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_UNIGRAM_H_
