// WordPiece: a word is read from the left, the longest token first; a word that cannot be read to
// its end is unknown as a whole.
//
// Source: WordpieceTokenizer in tokenization.py of google-research/bert.
#ifndef STRATA_MODELS_TOKENIZER_WORD_PIECE_H_
#define STRATA_MODELS_TOKENIZER_WORD_PIECE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/tokenizer/json_field.h"
#include "models/tokenizer/model.h"

namespace strata::models {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";
  int64_t max_input_chars_per_word = 100;
};

// INVALID_ARGUMENT: the vocabulary lacks unk_token.
absl::StatusOr<std::unique_ptr<Model>> MakeWordPiece(Vocabulary vocabulary,
                                                     const WordPieceOptions& options);

// The "model" of a tokenizer.json. INVALID_ARGUMENT names the field.
absl::StatusOr<std::unique_ptr<Model>> ParseWordPiece(const JsonField& field);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_WORD_PIECE_H_
