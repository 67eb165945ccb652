// A tokenizer made of parts: added tokens, normalizer, pre-tokenizer, model, offset trimming.
#ifndef STRATA_MODELS_TOKENIZER_PIPELINE_TOKENIZER_H_
#define STRATA_MODELS_TOKENIZER_PIPELINE_TOKENIZER_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "models/tokenizer/added_vocabulary.h"
#include "models/tokenizer/model.h"
#include "models/tokenizer/normalizer.h"
#include "models/tokenizer/pre_tokenizer.h"
#include "models/tokenizer/token_decoder.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// Takes white space at both ends of a token out of its offsets, as the post-processors ByteLevel
// and RobertaProcessing do.
struct OffsetTrim {
  bool add_prefix_space;  // then the first token keeps its one space
};

struct TokenizerParts {
  std::vector<AddedToken> added_tokens;
  std::unique_ptr<Normalizer> normalizer;       // may be null
  std::unique_ptr<PreTokenizer> pre_tokenizer;  // may be null
  std::unique_ptr<Model> model;
  std::vector<OffsetTrim> trims;          // one after the other
  std::unique_ptr<TokenDecoder> decoder;  // null: tokens stand behind each other with a space
};

absl::StatusOr<std::unique_ptr<Tokenizer>> MakePipelineTokenizer(TokenizerParts parts);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_PIPELINE_TOKENIZER_H_
