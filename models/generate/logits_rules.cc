#include "models/generate/logits_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace strata::models {
namespace {

constexpr float kBanned = -std::numeric_limits<float>::infinity();

void Penalize(const std::vector<int32_t>& tokens, float penalty, float* scores) {
  for (int32_t id : std::set<int32_t>(tokens.begin(), tokens.end())) {
    scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
  }
}

void Ban(const std::vector<int32_t>& ids, float* scores) {
  for (int32_t id : ids) scores[id] = kBanned;
}

}  // namespace

LogitsRules::LogitsRules(const GenerationOptions& options, int64_t prompt_length,
                         const std::vector<int32_t>& encoder_ids)
    : options_(options), prompt_length_(prompt_length), encoder_ids_(encoder_ids) {
  if (options.encoder_no_repeat_ngram_size > 0) {
    AddNgrams(encoder_ids, options.encoder_no_repeat_ngram_size, encoder_ngrams_);
  }
  for (const std::vector<int32_t>& word : options.bad_words_ids) {
    // The end of a sequence cannot be a bad word.
    if (word.size() == 1 &&
        std::ranges::find(options.eos_token_id, word[0]) != options.eos_token_id.end()) {
      continue;
    }
    bad_words_.push_back({word, kBanned});
  }
  begin_index_ = prompt_length + (prompt_length == 1 && options.forced_bos_token_id ? 1 : 0);
  if (!options.forced_decoder_ids.empty()) begin_index_ += options.forced_decoder_ids.back().first;
}

void LogitsRules::Apply(const std::vector<int32_t>& tokens,
                        const std::vector<int32_t>& earlier_groups, at::Tensor scores,
                        at::Tensor* reported) const {
  float* const score = scores.mutable_data_ptr<float>();
  const auto vocab_size = scores.size(0);
  const auto length = static_cast<int64_t>(tokens.size());
  const std::vector<int32_t>& ends = options_.eos_token_id;
  // The library changes its logits in place up to the first rule that makes a new tensor.
  bool in_place = true;
  const auto leave_place = [&] {
    if (in_place && reported != nullptr) *reported = scores.clone();
    in_place = false;
  };

  if (!options_.sequence_bias.empty()) {
    leave_place();
    AddBias(options_.sequence_bias, tokens, score);
  }
  if (options_.diversity_penalty > 0) {
    for (int32_t id : std::set<int32_t>(earlier_groups.begin(), earlier_groups.end())) {
      const auto times = static_cast<float>(std::ranges::count(earlier_groups, id));
      score[id] -= static_cast<float>(options_.diversity_penalty) * times;
    }
  }
  if (options_.encoder_repetition_penalty != 1.0) {
    Penalize(encoder_ids_, static_cast<float>(1.0 / options_.encoder_repetition_penalty), score);
  }
  if (options_.repetition_penalty != 1.0) {
    Penalize(tokens, static_cast<float>(options_.repetition_penalty), score);
  }
  if (options_.no_repeat_ngram_size > 0) {
    Ngrams ngrams;
    AddNgrams(tokens, options_.no_repeat_ngram_size, ngrams);
    BanNgrams(ngrams, tokens, options_.no_repeat_ngram_size, score);
  }
  if (options_.encoder_no_repeat_ngram_size > 0) {
    BanNgrams(encoder_ngrams_, tokens, options_.encoder_no_repeat_ngram_size, score);
  }
  if (!bad_words_.empty()) {
    leave_place();
    AddBias(bad_words_, tokens, score);
  }
  if (length < options_.min_length) Ban(ends, score);
  if (options_.min_new_tokens && length - prompt_length_ < *options_.min_new_tokens) {
    Ban(ends, score);
  }
  if (options_.forced_bos_token_id && length == 1) {
    Force({*options_.forced_bos_token_id}, score, vocab_size);
  }
  if (!options_.forced_eos_token_id.empty() && length == options_.LengthLimit(prompt_length_) - 1) {
    Force(options_.forced_eos_token_id, score, vocab_size);
  }
  if (options_.remove_invalid_values) {
    scores.nan_to_num_(0.0, std::numeric_limits<float>::max(),
                       std::numeric_limits<float>::lowest());
  }
  if (options_.exponential_decay_length_penalty) {
    const auto [start, factor] = *options_.exponential_decay_length_penalty;
    const int64_t beyond = length - (start + prompt_length_);
    if (beyond > 0) {
      const auto growth = static_cast<float>(std::pow(factor, static_cast<double>(beyond)) - 1);
      for (int32_t id : ends) score[id] += std::abs(score[id]) * growth;
    }
  }
  Ban(options_.suppress_tokens, score);
  if (length == begin_index_) Ban(options_.begin_suppress_tokens, score);
  for (const auto& [position, id] : options_.forced_decoder_ids) {
    if (position == length) Force({id}, score, vocab_size);
  }
  if (options_.renormalize_logits) {
    leave_place();
    scores.copy_(at::log_softmax(scores, -1));
  }
  if (in_place && reported != nullptr) *reported = scores.clone();
}

void LogitsRules::AddNgrams(const std::vector<int32_t>& tokens, int32_t size, Ngrams& ngrams) {
  for (auto begin = tokens.begin(); tokens.end() - begin >= size; ++begin) {
    const auto last = begin + (size - 1);
    ngrams[std::vector<int32_t>(begin, last)].push_back(*last);
  }
}

void LogitsRules::BanNgrams(const Ngrams& ngrams, const std::vector<int32_t>& tokens, int32_t size,
                            float* scores) {
  if (static_cast<int64_t>(tokens.size()) + 1 < size) return;
  const auto found = ngrams.find(std::vector<int32_t>(tokens.end() - (size - 1), tokens.end()));
  if (found != ngrams.end()) Ban(found->second, scores);
}

void LogitsRules::AddBias(const std::vector<TokenBias>& biases, const std::vector<int32_t>& tokens,
                          float* scores) const {
  for (const TokenBias& bias : biases) {
    const size_t before = bias.sequence.size() - 1;
    // As the library has it, a sequence longer than the tokens so far never counts.
    if (before > 0 && bias.sequence.size() > tokens.size()) continue;
    if (!std::equal(bias.sequence.begin(), bias.sequence.end() - 1, tokens.end() - before)) {
      continue;
    }
    scores[bias.sequence.back()] += bias.bias;
  }
}

void LogitsRules::Force(const std::vector<int32_t>& ids, float* scores, int64_t vocab_size) const {
  std::fill(scores, scores + vocab_size, kBanned);
  for (int32_t id : ids) scores[id] = 0;
}

}  // namespace strata::models
