// Greedy search and sampling: every row goes its own way.
#include <algorithm>
#include <utility>

#include "models/generate/logits_rules.h"
#include "models/generate/sampling.h"
#include "models/generate/search.h"

namespace strata::models {
namespace {

class TokenSearch : public Search {
 public:
  explicit TokenSearch(const SearchInput& input)
      : options_(input.options),
        prompt_length_(std::ssize(input.prompt)),
        rules_(input.options, prompt_length_, input.encoder_ids),
        keep_step_logits_(input.keep_step_logits),
        generator_(input.options.do_sample ? MakeGenerator(input.options.seed) : at::Generator()) {
    for (int32_t n = 0; n < options_.num_return_sequences; ++n) {
      sequences_.push_back({input.prompt, 0, {}});
      open_.push_back(static_cast<size_t>(n));
    }
  }

  int64_t num_rows() const override { return std::ssize(open_); }
  bool done() const override { return open_.empty(); }
  const std::vector<int64_t>& parents() const override { return parents_; }
  const std::vector<int32_t>& tokens() const override { return tokens_; }

  absl::Status Advance(at::Tensor logits,
                       const std::function<at::Tensor(int64_t)>& attention) override {
    for (int64_t row = 0; row < num_rows(); ++row) {
      at::Tensor* reported = keep_step_logits_ ? &step_logits_.emplace_back() : nullptr;
      rules_.Apply(sequences_[open_[static_cast<size_t>(row)]].token_ids, {}, logits[row],
                   reported);
    }
    at::Tensor chosen;
    if (options_.do_sample) {
      logits = WarpLogits(options_, logits);
      chosen = Draw(at::softmax(logits, -1));
    } else {
      chosen = at::argmax(logits, -1, /*keepdim=*/true);
    }
    const at::Tensor gain = at::log_softmax(logits, -1).gather(-1, chosen);
    parents_.clear();
    tokens_.clear();
    std::vector<size_t> open;
    for (int64_t row = 0; row < num_rows(); ++row) {
      const size_t place = open_[static_cast<size_t>(row)];
      GeneratedSequence& sequence = sequences_[place];
      const auto token = static_cast<int32_t>(chosen[row].item<int64_t>());
      sequence.token_ids.push_back(token);
      sequence.score += gain[row].item<double>();
      const bool ended =
          std::ranges::find(options_.eos_token_id, token) != options_.eos_token_id.end() ||
          std::ssize(sequence.token_ids) >= options_.LengthLimit(prompt_length_);
      if (ended) {
        if (attention) sequence.attention = attention(row);
      } else {
        open.push_back(place);
        parents_.push_back(row);
        tokens_.push_back(token);
      }
    }
    open_ = std::move(open);
    return absl::OkStatus();
  }

  // Sequences stand in the order of drawing until the end, so only a single one is settled before.
  std::vector<int32_t> Settled() const override {
    if (sequences_.size() > 1 && !done()) return {};
    const std::vector<int32_t>& ids = Best().token_ids;
    return {ids.begin() + prompt_length_, ids.end()};
  }

  // In the order of drawing, as the library returns them.
  std::vector<GeneratedSequence> Finish() override { return sequences_; }

  at::Tensor StepLogits() const override {
    return step_logits_.empty() ? at::Tensor() : at::stack(step_logits_);
  }

 private:
  // The library goes on drawing for rows that have ended, so they take their share of the draws.
  at::Tensor Draw(const at::Tensor& probabilities) {
    std::vector<int64_t> rows(open_.begin(), open_.end());
    const at::Tensor places = at::tensor(rows, at::kLong);
    const at::Tensor all = at::ones({std::ssize(sequences_), probabilities.size(1)})
                               .index_copy(0, places, probabilities);
    return at::multinomial(all, 1, /*replacement=*/false, generator_).index_select(0, places);
  }

  const GeneratedSequence& Best() const { return sequences_[0]; }

  const GenerationOptions options_;
  const int64_t prompt_length_;
  const LogitsRules rules_;
  const bool keep_step_logits_;
  at::Generator generator_;
  std::vector<GeneratedSequence> sequences_;
  std::vector<size_t> open_;  // row → place in sequences_
  std::vector<int64_t> parents_;
  std::vector<int32_t> tokens_;
  std::vector<at::Tensor> step_logits_;
};

}  // namespace

std::unique_ptr<Search> MakeTokenSearch(const SearchInput& input) {
  return std::make_unique<TokenSearch>(input);
}

std::unique_ptr<Search> MakeSearch(const SearchInput& input) {
  return input.options.num_beams > 1 ? MakeBeamSearch(input) : MakeTokenSearch(input);
}

}  // namespace strata::models
