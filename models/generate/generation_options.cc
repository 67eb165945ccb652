#include "models/generate/generation_options.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

constexpr int32_t kMaxBeams = 1024;
constexpr int32_t kMaxLength = 1 << 24;

}  // namespace

absl::Status CheckGenerationOptions(const GenerationOptions& options, int32_t vocab_size) {
  const auto refuse = [](const char* name, const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(name, " ", what));
  };
  const int32_t longest = options.max_new_tokens.value_or(options.max_length);
  if (longest < (options.max_new_tokens ? 1 : 2) || longest > kMaxLength) {
    return refuse(
        options.max_new_tokens ? "max_new_tokens" : "max_length",
        absl::StrCat("is ", longest, "; it must leave room for a new token, up to ", kMaxLength));
  }
  if (options.num_beams < 1 || options.num_beams > kMaxBeams) {
    return refuse("num_beams", absl::StrCat("is ", options.num_beams, ", outside 1..", kMaxBeams));
  }
  if (options.num_beam_groups < 1 || options.num_beams % options.num_beam_groups != 0) {
    return refuse("num_beam_groups",
                  absl::StrCat("is ", options.num_beam_groups, ", which does not divide num_beams ",
                               options.num_beams));
  }
  if (options.num_beam_groups > 1 && options.do_sample) {
    return refuse("num_beam_groups", "above 1 and do_sample exclude each other");
  }
  if (options.diversity_penalty > 0 && options.num_beam_groups < 2) {
    return refuse("diversity_penalty", "needs num_beam_groups above 1");
  }
  const int32_t returned = options.num_return_sequences;
  if (returned < 1 || returned > kMaxBeams ||
      (options.num_beams > 1 ? returned > options.num_beams : returned > 1 && !options.do_sample)) {
    return refuse("num_return_sequences",
                  absl::StrCat("is ", returned,
                               "; it must be 1, at most num_beams, or anything while sampling"));
  }
  if (!std::isfinite(options.length_penalty)) return refuse("length_penalty", "is not finite");
  const std::pair<const char*, double> positive[] = {
      {"temperature", options.temperature},
      {"repetition_penalty", options.repetition_penalty},
      {"encoder_repetition_penalty", options.encoder_repetition_penalty}};
  for (const auto& [name, value] : positive) {
    if (!(value > 0) || !std::isfinite(value)) {
      return refuse(name, absl::StrCat("is ", value, "; it must be above 0"));
    }
  }
  if (options.top_k < 0) return refuse("top_k", "is below 0");
  if (!(options.top_p >= 0 && options.top_p <= 1)) return refuse("top_p", "is outside 0..1");
  if (!(options.typical_p > 0)) return refuse("typical_p", "must be above 0");
  if (options.no_repeat_ngram_size < 0 || options.encoder_no_repeat_ngram_size < 0) {
    return refuse("no_repeat_ngram_size", "is below 0");
  }
  const auto check_id = [&](const char* name, int32_t id) {
    return id >= 0 && id < vocab_size
               ? absl::OkStatus()
               : refuse(name, absl::StrCat("names token ", id, ", outside the vocabulary of ",
                                           vocab_size));
  };
  const auto check_ids = [&](const char* name, const std::vector<int32_t>& ids) {
    for (int32_t id : ids) {
      if (absl::Status s = check_id(name, id); !s.ok()) return s;
    }
    return absl::OkStatus();
  };
  std::vector<std::pair<const char*, std::vector<int32_t>>> lists = {
      {"suppress_tokens", options.suppress_tokens},
      {"begin_suppress_tokens", options.begin_suppress_tokens},
      {"forced_eos_token_id", options.forced_eos_token_id},
      {"decoder_start_token_id", options.decoder_start_token_id},
      {"eos_token_id", options.eos_token_id}};
  if (options.forced_bos_token_id) {
    lists.push_back({"forced_bos_token_id", {*options.forced_bos_token_id}});
  }
  if (options.pad_token_id) lists.push_back({"pad_token_id", {*options.pad_token_id}});
  for (const auto& pair : options.forced_decoder_ids) {
    lists.push_back({"forced_decoder_ids", {pair.second}});
  }
  for (const std::vector<int32_t>& word : options.bad_words_ids) {
    if (word.empty()) return refuse("bad_words_ids", "holds an empty list");
    lists.push_back({"bad_words_ids", word});
  }
  for (const TokenBias& bias : options.sequence_bias) {
    if (bias.sequence.empty()) return refuse("sequence_bias", "holds an empty sequence");
    lists.push_back({"sequence_bias", bias.sequence});
  }
  for (const auto& [name, ids] : lists) {
    if (absl::Status s = check_ids(name, ids); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace strata::models
