// The choice of tokens for one document, a step at a time: greedy, sampled, or by beams.
#ifndef STRATA_MODELS_GENERATE_SEARCH_H_
#define STRATA_MODELS_GENERATE_SEARCH_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "models/generate/generation_options.h"

namespace strata::models {

struct GeneratedSequence {
  std::vector<int32_t> token_ids;  // the prompt and, where it was met, the end token; no padding
  // Beam search: sum of log-probabilities / new tokens ^ length_penalty. Else the sum of the chosen
  // tokens' log-probabilities after all rules.
  double score = 0;
  at::Tensor attention;  // [m]: share of each encoder row in it; undefined unless asked for
};

// One document's rows under way. A search owns its rows' tokens; the decoding owns their caches.
class Search {
 public:
  virtual ~Search() = default;
  virtual int64_t num_rows() const = 0;
  // Takes the scores of every row's next token, [num_rows, V] float32 (may be changed), and
  // decides. `attention(row)`: what Decoding::Attention says of a row; may be null.
  // INVALID_ARGUMENT: the options leave no token to go on with.
  virtual absl::Status Advance(at::Tensor logits,
                               const std::function<at::Tensor(int64_t)>& attention) = 0;
  virtual bool done() const = 0;
  // While not done: the rows that go on, as indices of the rows before, and each one's new token.
  virtual const std::vector<int64_t>& parents() const = 0;
  virtual const std::vector<int32_t>& tokens() const = 0;
  // New tokens of the best sequence that no later step can change, from the first.
  virtual std::vector<int32_t> Settled() const = 0;
  // num_return_sequences of them: a beam search's best first, samples in the order of drawing.
  virtual std::vector<GeneratedSequence> Finish() = 0;
  // The logits of every step so far, [steps, V], as the library's output_logits has them; of one
  // row, and only if they were asked for.
  virtual at::Tensor StepLogits() const { return {}; }
};

struct SearchInput {
  GenerationOptions options;
  std::vector<int32_t> prompt;       // at least the start token
  std::vector<int32_t> encoder_ids;  // for the encoder_* options
  bool keep_step_logits = false;     // greedy only
};

// Options must have passed CheckGenerationOptions.
std::unique_ptr<Search> MakeSearch(const SearchInput& input);

// The two kinds behind it.
std::unique_ptr<Search> MakeTokenSearch(const SearchInput& input);  // greedy and sampling
std::unique_ptr<Search> MakeBeamSearch(const SearchInput& input);   // plain, sampled, in groups

}  // namespace strata::models

#endif  // STRATA_MODELS_GENERATE_SEARCH_H_
