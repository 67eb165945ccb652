// Changes to the scores of the next token that depend on the tokens before it: repetition, bans,
// forced tokens, lengths.
//
// Source: the logits processors of transformers 4.38, in the order in which generate() applies
// them.
#ifndef STRATA_MODELS_GENERATE_LOGITS_RULES_H_
#define STRATA_MODELS_GENERATE_LOGITS_RULES_H_

#include <ATen/ATen.h>

#include <map>
#include <vector>

#include "models/generate/generation_options.h"

namespace strata::models {

// Of one document. Immutable after construction.
class LogitsRules {
 public:
  // `encoder_ids`: the document's own tokens, for the encoder_* options.
  LogitsRules(const GenerationOptions& options, int64_t prompt_length,
              const std::vector<int32_t>& encoder_ids);

  // Changes `scores` [V] float32 of a row whose tokens so far are `tokens`, the prompt included.
  // `earlier_groups`: tokens that beams of earlier groups took in this step. `reported` (may be
  // null) gets the row as the library's output_logits shows it: with the changes that it makes in
  // place.
  void Apply(const std::vector<int32_t>& tokens, const std::vector<int32_t>& earlier_groups,
             at::Tensor scores, at::Tensor* reported) const;

 private:
  using Ngrams = std::map<std::vector<int32_t>, std::vector<int32_t>>;  // beginning → last tokens

  static void AddNgrams(const std::vector<int32_t>& tokens, int32_t size, Ngrams& ngrams);
  static void BanNgrams(const Ngrams& ngrams, const std::vector<int32_t>& tokens, int32_t size,
                        float* scores);
  void AddBias(const std::vector<TokenBias>& biases, const std::vector<int32_t>& tokens,
               float* scores) const;
  void Force(const std::vector<int32_t>& ids, float* scores, int64_t vocab_size) const;

  const GenerationOptions options_;
  const int64_t prompt_length_;
  const std::vector<int32_t> encoder_ids_;
  Ngrams encoder_ngrams_;
  std::vector<TokenBias> bad_words_;
  int64_t begin_index_ = 0;  // length at which begin_suppress_tokens counts
};

}  // namespace strata::models

#endif  // STRATA_MODELS_GENERATE_LOGITS_RULES_H_
