// How tokens are chosen, with the names and meanings of transformers' generate() (4.38).
#ifndef STRATA_MODELS_GENERATE_GENERATION_OPTIONS_H_
#define STRATA_MODELS_GENERATE_GENERATION_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/layers/sequence_decoder.h"

namespace strata::models {

// When a beam search ends, once it has num_beams finished hypotheses.
enum class EarlyStopping : uint8_t {
  kHeuristic,  // false: when the best open beam, at its present length, is no better than the worst
  kAtOnce,     // true
  kNever,      // "never": when no open beam could become better at any length
};

struct TokenBias {
  std::vector<int32_t> sequence;  // the last token is biased where the others stand before it
  float bias = 0;
};

// Lengths count the decoder's tokens, the start token included, unless the name says new tokens.
struct GenerationOptions {
  int32_t max_length = 20;
  std::optional<int32_t> max_new_tokens;  // takes the place of max_length
  int32_t min_length = 0;
  std::optional<int32_t> min_new_tokens;

  bool do_sample = false;
  int32_t num_beams = 1;
  int32_t num_beam_groups = 1;
  int32_t num_return_sequences = 1;
  double length_penalty = 1.0;  // a beam's score is divided by its new tokens to this power
  EarlyStopping early_stopping = EarlyStopping::kHeuristic;
  double diversity_penalty = 0.0;

  // Sampling only. `seed` starts one generator for a document.
  double temperature = 1.0;
  int32_t top_k = 50;  // 0: all
  double top_p = 1.0;
  double typical_p = 1.0;
  double epsilon_cutoff = 0.0;
  double eta_cutoff = 0.0;
  uint64_t seed = 0;

  double repetition_penalty = 1.0;
  double encoder_repetition_penalty = 1.0;
  int32_t no_repeat_ngram_size = 0;
  int32_t encoder_no_repeat_ngram_size = 0;
  std::vector<std::vector<int32_t>> bad_words_ids;
  std::vector<TokenBias> sequence_bias;
  std::vector<int32_t> suppress_tokens;
  std::vector<int32_t> begin_suppress_tokens;
  std::optional<int32_t> forced_bos_token_id;
  std::vector<int32_t> forced_eos_token_id;
  std::vector<std::pair<int32_t, int32_t>> forced_decoder_ids;  // length so far, token
  std::optional<std::pair<int32_t, double>> exponential_decay_length_penalty;  // start, factor
  bool remove_invalid_values = false;
  bool renormalize_logits = false;

  std::vector<int32_t> decoder_start_token_id;  // one
  std::vector<int32_t> eos_token_id;            // any of them ends a sequence
  std::optional<int32_t> pad_token_id;          // without it the first end token pads

  int32_t LengthLimit(int64_t prompt_length) const {
    return max_new_tokens ? static_cast<int32_t>(prompt_length) + *max_new_tokens : max_length;
  }
};

// What generate() would take from a model folder: the library's defaults and the architecture's own
// tokens (`tokens`), changed by config.json and then by generation_config.json, where `folder` has
// one. Errors as ReadGenerationOptions.
absl::StatusOr<GenerationOptions> ModelGenerationOptions(const DecoderTokens& tokens,
                                                         const std::string& config_json,
                                                         const std::string& folder);

// INVALID_ARGUMENT names the option: out of range, ids outside the vocabulary, settings that
// contradict each other.
absl::Status CheckGenerationOptions(const GenerationOptions& options, int32_t vocab_size);

// Reads the options that a JSON object names (a config.json, generation_config.json or the
// arguments of generate()) over those in `options`; null takes an option away that may be absent,
// and fields that are not about generation count for nothing. INVALID_ARGUMENT names the field;
// UNIMPLEMENTED: a setting of the library that is not there (constraints, assistants, contrastive
// search, classifier-free guidance).
absl::Status ReadGenerationOptions(const std::string& json, const std::string& where,
                                   GenerationOptions& options);

}  // namespace strata::models

#endif  // STRATA_MODELS_GENERATE_GENERATION_OPTIONS_H_
