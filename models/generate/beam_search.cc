// Beam search: plain, sampled, and in groups that keep apart from each other (arXiv 1610.02424).
//
// Source: beam_search, beam_sample and group_beam_search of transformers 4.38 with its
// BeamSearchScorer. A batch of one document each: documents do not see each other there either.
#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/generate/beam_hypotheses.h"
#include "models/generate/logits_rules.h"
#include "models/generate/sampling.h"
#include "models/generate/search.h"

namespace strata::models {
namespace {

constexpr float kNotYet = -1e9f;  // score of beams that would repeat the first one's first step

struct Beam {
  std::vector<int32_t> token_ids;
  float score = 0;  // sum of log-probabilities
};

// One way to go on, of the best few of a group.
struct Candidate {
  int64_t beam = 0;  // within the group
  int32_t token = 0;
  float score = 0;
};

class BeamSearch : public Search {
 public:
  explicit BeamSearch(const SearchInput& input)
      : options_(input.options),
        prompt_length_(std::ssize(input.prompt)),
        group_size_(input.options.num_beams / input.options.num_beam_groups),
        rules_(input.options, prompt_length_, input.encoder_ids),
        generator_(input.options.do_sample ? MakeGenerator(input.options.seed) : at::Generator()) {
    const int64_t longest = options_.LengthLimit(prompt_length_) - prompt_length_;
    for (int32_t g = 0; g < options_.num_beam_groups; ++g) {
      groups_.push_back(
          {BeamHypotheses(group_size_, options_.length_penalty, options_.early_stopping, longest)});
    }
    for (int32_t b = 0; b < options_.num_beams; ++b) {
      beams_.push_back({input.prompt, b % group_size_ == 0 ? 0.0f : kNotYet});
    }
  }

  int64_t num_rows() const override { return std::ssize(beams_); }
  bool done() const override { return done_; }
  const std::vector<int64_t>& parents() const override { return parents_; }
  const std::vector<int32_t>& tokens() const override { return tokens_; }

  absl::Status Advance(at::Tensor logits,
                       const std::function<at::Tensor(int64_t)>& attention) override {
    const at::Tensor logs = at::log_softmax(logits, -1);
    parents_.clear();
    tokens_.clear();
    std::vector<Beam> next;
    for (size_t g = 0; g < groups_.size(); ++g) {
      absl::Status status = AdvanceGroup(g, logs, attention, next);
      if (!status.ok()) return status;
    }
    beams_ = std::move(next);
    const bool full = std::ssize(beams_[0].token_ids) >= options_.LengthLimit(prompt_length_);
    const bool all_done = std::ranges::all_of(groups_, [](const Group& g) { return g.done; });
    if (full || all_done) Close(attention);
    return absl::OkStatus();
  }

  std::vector<int32_t> Settled() const override {
    if (done_) return NewTokens(finished_[0].token_ids);
    // What every sequence that could still be the best begins with.
    const std::vector<int32_t>* common = nullptr;
    size_t length = 0;
    const auto narrow = [&](const std::vector<int32_t>& ids) {
      if (common == nullptr) {
        common = &ids;
        length = ids.size();
      }
      const auto end = common->begin() + static_cast<int64_t>(std::min(length, ids.size()));
      length = static_cast<size_t>(std::mismatch(common->begin(), end, ids.begin()).first -
                                   common->begin());
    };
    for (size_t g = 0; g < groups_.size(); ++g) {
      for (const GeneratedSequence& kept : groups_[g].hypotheses.kept()) narrow(kept.token_ids);
      if (groups_[g].done) continue;
      for (int64_t b = 0; b < group_size_; ++b) {
        narrow(beams_[g * static_cast<size_t>(group_size_) + static_cast<size_t>(b)].token_ids);
      }
    }
    return NewTokens({common->begin(), common->begin() + static_cast<int64_t>(length)});
  }

  std::vector<GeneratedSequence> Finish() override { return finished_; }

 private:
  struct Group {
    BeamHypotheses hypotheses;
    bool done = false;
  };

  absl::Status AdvanceGroup(size_t g, const at::Tensor& logs,
                            const std::function<at::Tensor(int64_t)>& attention,
                            std::vector<Beam>& next) {
    Group& group = groups_[g];
    const auto first = static_cast<int64_t>(g) * group_size_;
    const auto beam_at = [&](int64_t b) -> const Beam& {
      return beams_[static_cast<size_t>(first + b)];
    };
    if (group.done) {  // waits for the others
      for (int64_t b = 0; b < group_size_; ++b) Continue(first + b, Pad(), 0, next);
      return absl::OkStatus();
    }
    const std::vector<Candidate> candidates = Best(first, logs.narrow(0, first, group_size_));
    const int64_t new_tokens = std::ssize(beam_at(0).token_ids) + 1 - prompt_length_;
    int64_t going_on = 0;
    for (size_t rank = 0; rank < candidates.size() && going_on < group_size_; ++rank) {
      const Candidate& candidate = candidates[rank];
      if (std::ranges::find(options_.eos_token_id, candidate.token) ==
          options_.eos_token_id.end()) {
        Continue(first + candidate.beam, candidate.token, candidate.score, next);
        ++going_on;
      } else if (static_cast<int64_t>(rank) < group_size_) {
        // Whichever end token it met, the library writes the first.
        GeneratedSequence sequence{beam_at(candidate.beam).token_ids, 0, {}};
        sequence.token_ids.push_back(options_.eos_token_id[0]);
        if (attention) sequence.attention = attention(first + candidate.beam);
        group.hypotheses.Add(std::move(sequence), candidate.score, new_tokens);
      }
    }
    if (going_on < group_size_) {
      return absl::InvalidArgumentError(absl::StrCat(
          "only ", going_on, " of ", group_size_,
          " beams have a token to go on with; ask for fewer beams or loosen the options"));
    }
    group.done = group.hypotheses.IsDone(candidates[0].score, new_tokens);
    return absl::OkStatus();
  }

  // The best candidates of a group whose first beam is row `first`; logs [group_size, V].
  std::vector<Candidate> Best(int64_t first, at::Tensor logs) {
    for (int64_t b = 0; b < group_size_; ++b) {
      rules_.Apply(beams_[static_cast<size_t>(first + b)].token_ids, tokens_, logs[b], nullptr);
    }
    if (options_.do_sample) logs = WarpLogits(options_, logs);
    std::vector<float> sums;
    for (int64_t b = 0; b < group_size_; ++b) {
      sums.push_back(beams_[static_cast<size_t>(first + b)].score);
    }
    const int64_t vocab_size = logs.size(1);
    const at::Tensor scores = (logs + at::tensor(sums).unsqueeze(1)).view({-1});
    at::Tensor values, places;
    if (options_.do_sample) {
      const int64_t count = std::min(2 * group_size_, scores.size(0));
      places = at::multinomial(at::softmax(scores, 0), count, /*replacement=*/false, generator_);
      at::Tensor order;
      std::tie(values, order) = at::sort(scores.index_select(0, places), 0, /*descending=*/true);
      places = places.index_select(0, order);
    } else {
      // Enough that even if all end tokens are among them the beams can go on.
      const int64_t each = std::max<int64_t>(2, 1 + std::ssize(options_.eos_token_id));
      std::tie(values, places) = at::topk(scores, std::min(each * group_size_, scores.size(0)));
    }
    std::vector<Candidate> candidates;
    for (int64_t i = 0; i < places.size(0); ++i) {
      const auto place = places[i].item<int64_t>();
      candidates.push_back(
          {place / vocab_size, static_cast<int32_t>(place % vocab_size), values[i].item<float>()});
    }
    return candidates;
  }

  void Continue(int64_t row, int32_t token, float score, std::vector<Beam>& next) {
    Beam& beam = next.emplace_back();
    beam.token_ids = beams_[static_cast<size_t>(row)].token_ids;
    beam.token_ids.push_back(token);
    beam.score = score;
    parents_.push_back(row);
    tokens_.push_back(token);
  }

  // Open beams count as they are; then the best of all groups.
  void Close(const std::function<at::Tensor(int64_t)>& attention) {
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (groups_[g].done) continue;
      for (int64_t b = 0; b < group_size_; ++b) {
        const size_t row = g * static_cast<size_t>(group_size_) + static_cast<size_t>(b);
        GeneratedSequence sequence{beams_[row].token_ids, 0, {}};
        if (attention) sequence.attention = attention(parents_[row]);
        groups_[g].hypotheses.Add(std::move(sequence), beams_[row].score,
                                  std::ssize(beams_[row].token_ids) - prompt_length_);
      }
    }
    std::vector<GeneratedSequence> all;
    for (const Group& group : groups_) {
      all.insert(all.end(), group.hypotheses.kept().begin(), group.hypotheses.kept().end());
    }
    // Of equal scores the one that came later stands first, as in the library.
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.score < b.score; });
    std::reverse(all.begin(), all.end());
    all.resize(std::min<size_t>(all.size(), static_cast<size_t>(options_.num_return_sequences)));
    finished_ = std::move(all);
    done_ = true;
  }

  int32_t Pad() const {
    return options_.pad_token_id ? *options_.pad_token_id : options_.eos_token_id[0];
  }
  std::vector<int32_t> NewTokens(const std::vector<int32_t>& ids) const {
    return {ids.begin() + std::min(prompt_length_, std::ssize(ids)), ids.end()};
  }

  const GenerationOptions options_;
  const int64_t prompt_length_;
  const int64_t group_size_;
  const LogitsRules rules_;
  at::Generator generator_;
  std::vector<Group> groups_;
  std::vector<Beam> beams_;  // group by group
  std::vector<int64_t> parents_;
  std::vector<int32_t> tokens_;
  std::vector<GeneratedSequence> finished_;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<Search> MakeBeamSearch(const SearchInput& input) {
  return std::make_unique<BeamSearch>(input);
}

}  // namespace strata::models
