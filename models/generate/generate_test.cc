#include "models/generate/generate.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <map>
#include <set>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::models {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Not;

constexpr int32_t kVocabulary = 8, kStart = 6, kEnd = 1;
using Ids = std::vector<int32_t>;

// A language model without weights: scores follow from the document and the tokens so far.
class HashDecoder : public SequenceDecoder {
 public:
  int32_t vocab_size() const override { return kVocabulary; }
  DecoderTokens tokens() const override { return {kStart, kEnd, 0}; }
  int32_t max_length() const override { return 64; }
  EncoderMemory Memory(const at::Tensor&, const PackedBatch&,
                       const std::vector<int64_t>&) const override {
    return {};
  }

  static at::Tensor Scores(size_t document, const Ids& ids) {
    uint64_t state = 1469598103934665603ull + document;
    for (int32_t id : ids) state = (state ^ static_cast<uint64_t>(id)) * 1099511628211ull;
    std::vector<float> scores;
    for (int32_t v = 0; v < kVocabulary; ++v) {
      state ^= state >> 29;
      state *= 0xBF58476D1CE4E5B9ull;
      scores.push_back(static_cast<float>(state >> 40) / float{1 << 24} * 4);
    }
    return at::tensor(scores);
  }

  absl::StatusOr<std::unique_ptr<Decoding>> Start(const EncoderMemory&,
                                                  const std::vector<int64_t>& rows) const override {
    auto decoding = std::make_unique<Steps>();
    for (size_t b = 0; b < rows.size(); ++b) {
      for (int64_t r = 0; r < rows[b]; ++r) decoding->rows_.push_back({b, {}});
    }
    return decoding;
  }

 private:
  class Steps : public Decoding {
   public:
    absl::StatusOr<at::Tensor> Step(const Ids& token_ids) override {
      std::vector<at::Tensor> scores;
      for (size_t r = 0; r < rows_.size(); ++r) {
        rows_[r].second.push_back(token_ids[r]);
        scores.push_back(Scores(rows_[r].first, rows_[r].second));
      }
      return at::stack(scores);
    }
    void Select(const std::vector<int64_t>& rows) override {
      auto old = rows_;
      rows_.clear();
      for (int64_t row : rows) rows_.push_back(old[static_cast<size_t>(row)]);
    }
    at::Tensor Attention(int64_t row) const override {
      return at::full({1}, static_cast<double>(rows_[static_cast<size_t>(row)].second.size()));
    }
    std::vector<std::pair<size_t, Ids>> rows_;  // document and tokens of each
  };
};

GenerationOptions Options() {
  GenerationOptions options;
  options.max_new_tokens = 6;
  options.eos_token_id = {kEnd};
  options.pad_token_id = 0;
  return options;
}

GenerationInput Input(const GenerationOptions& options) {
  GenerationInput input;
  input.search.options = options;
  input.search.prompt = {kStart};
  return input;
}

std::vector<GenerationOutput> Decode(const std::vector<GenerationInput>& inputs) {
  const at::NoGradGuard no_grad;
  auto outputs = Generate(HashDecoder(), {}, inputs, nullptr);
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  return outputs.ok() ? *outputs : std::vector<GenerationOutput>(inputs.size());
}

std::vector<Ids> Sequences(const GenerationOutput& output) {
  std::vector<Ids> sequences;
  for (const GeneratedSequence& sequence : output.sequences) {
    sequences.push_back(sequence.token_ids);
  }
  return sequences;
}

Ids Greedy(size_t document, int64_t new_tokens) {
  Ids ids{kStart};
  while (std::ssize(ids) <= new_tokens && (ids.size() == 1 || ids.back() != kEnd)) {
    ids.push_back(HashDecoder::Scores(document, ids).argmax().item<int32_t>());
  }
  return ids;
}

TEST(Generate, GreedyTakesTheBestTokenUntilTheEnd) {
  std::vector<GenerationInput> inputs(20, Input(Options()));
  const auto outputs = Decode(inputs);
  std::set<size_t> lengths;
  for (size_t b = 0; b < outputs.size(); ++b) {
    EXPECT_THAT(Sequences(outputs[b]), ElementsAre(Greedy(b, 6))) << b;
    lengths.insert(outputs[b].sequences[0].token_ids.size());
  }
  EXPECT_GT(lengths.size(), 2u);  // some ended early
}

TEST(Generate, TokensAreToldOneByOneWhileItRuns) {
  std::vector<GenerationInput> inputs(3, Input(Options()));
  std::vector<std::vector<Ids>> told(3);
  for (size_t b = 0; b < 3; ++b) {
    inputs[b].on_tokens = [&, b](const Ids& tokens) { told[b].push_back(tokens); };
  }
  const auto outputs = Decode(inputs);
  for (size_t b = 0; b < 3; ++b) {
    Ids joined{kStart};
    for (const Ids& tokens : told[b]) {
      EXPECT_EQ(tokens.size(), 1u);
      joined.insert(joined.end(), tokens.begin(), tokens.end());
    }
    EXPECT_EQ(joined, outputs[b].sequences[0].token_ids);
  }
}

TEST(Generate, ADocumentDoesNotDependOnItsNeighbours) {
  std::vector<GenerationOptions> kinds(5, Options());
  kinds[1].num_beams = 3;
  kinds[1].num_return_sequences = 2;
  kinds[2].do_sample = true;
  kinds[2].num_return_sequences = 3;
  kinds[2].seed = 5;
  kinds[3].num_beams = 4;
  kinds[3].num_beam_groups = 2;
  kinds[3].diversity_penalty = 1.0;
  kinds[4].max_new_tokens = 2;
  std::vector<GenerationInput> inputs;
  for (const GenerationOptions& options : kinds) inputs.push_back(Input(options));
  const auto together = Decode(inputs);
  // The same document alone: what stands before it ends at once.
  GenerationOptions brief = Options();
  brief.max_new_tokens = 1;
  for (size_t b = 0; b < kinds.size(); ++b) {
    std::vector<GenerationInput> alone(b, Input(brief));
    alone.push_back(inputs[b]);
    EXPECT_EQ(Sequences(Decode(alone)[b]), Sequences(together[b])) << b;
  }
}

// Every sequence of up to `left` more tokens with its score, by trying all.
void Enumerate(const Ids& ids, double sum, int64_t left, double length_penalty,
               std::map<Ids, double>& scores) {
  if ((ids.size() > 1 && ids.back() == kEnd) || left == 0) {
    scores[ids] = sum / std::pow(static_cast<double>(ids.size() - 1), length_penalty);
    return;
  }
  const at::Tensor logs = at::log_softmax(HashDecoder::Scores(0, ids), 0);
  for (int32_t v = 0; v < kVocabulary; ++v) {
    Ids longer = ids;
    longer.push_back(v);
    Enumerate(longer, sum + logs[v].item<double>(), left - 1, length_penalty, scores);
  }
}

TEST(Generate, WideBeamsFindTheBestOfAllSequences) {
  for (double length_penalty : {0.0, 1.0, 2.0, -1.0}) {
    GenerationOptions options = Options();
    options.max_new_tokens = 3;
    options.num_beams = 400;  // more than there are sequences
    options.num_return_sequences = 5;
    options.length_penalty = length_penalty;
    options.early_stopping = EarlyStopping::kNever;
    const auto output = Decode({Input(options)})[0];
    std::map<Ids, double> all;
    Enumerate({kStart}, 0, 3, length_penalty, all);
    std::vector<std::pair<double, Ids>> best;
    for (const auto& [ids, score] : all) best.emplace_back(-score, ids);
    std::sort(best.begin(), best.end());
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(output.sequences[i].token_ids, best[i].second) << length_penalty << " " << i;
      EXPECT_NEAR(output.sequences[i].score, -best[i].first, 1e-5);
    }
  }
}

TEST(Generate, BeamsTellOnlyWhatNoLaterStepChanges) {
  GenerationOptions options = Options();
  options.num_beams = 3;
  options.max_new_tokens = 12;
  std::vector<GenerationInput> inputs(30, Input(options));
  std::vector<Ids> told(inputs.size(), Ids{kStart});
  size_t early = 0;
  for (size_t b = 0; b < inputs.size(); ++b) {
    inputs[b].on_tokens = [&, b](const Ids& tokens) {
      if (told[b].size() == 1 && tokens.size() < 6) ++early;
      told[b].insert(told[b].end(), tokens.begin(), tokens.end());
    };
  }
  const auto outputs = Decode(inputs);
  for (size_t b = 0; b < inputs.size(); ++b) {
    EXPECT_EQ(told[b], outputs[b].sequences[0].token_ids) << b;
  }
  EXPECT_GT(early, 0u);  // some were told before the end
}

TEST(Generate, RulesHold) {
  GenerationOptions options = Options();
  options.max_new_tokens = 10;
  options.no_repeat_ngram_size = 2;
  options.bad_words_ids = {{3}, {4, 5}};
  options.suppress_tokens = {7};
  options.min_new_tokens = 5;
  options.forced_bos_token_id = 2;
  options.forced_eos_token_id = {kEnd};
  options.begin_suppress_tokens = {0};
  for (int32_t beams : {1, 3}) {
    options.num_beams = beams;
    const auto outputs = Decode(std::vector<GenerationInput>(20, Input(options)));
    for (const GenerationOutput& output : outputs) {
      const Ids& ids = output.sequences[0].token_ids;
      EXPECT_EQ(ids[1], 2);
      EXPECT_NE(ids[2], 0);
      EXPECT_THAT(ids, Not(Contains(3)));
      EXPECT_THAT(ids, Not(Contains(7)));
      EXPECT_GE(ids.size(), 7u);
      EXPECT_EQ(ids.back(), kEnd);
      std::set<std::pair<int32_t, int32_t>> pairs;
      for (size_t i = 0; i + 1 < ids.size(); ++i) {
        EXPECT_TRUE(pairs.emplace(ids[i], ids[i + 1]).second);
        EXPECT_FALSE(ids[i] == 4 && ids[i + 1] == 5);
      }
    }
  }
}

TEST(Generate, SamplingFollowsTheDistributionAndTheSeed) {
  GenerationOptions options = Options();
  options.do_sample = true;
  options.max_new_tokens = 1;
  options.temperature = 0.7;
  options.num_return_sequences = 1000;
  options.top_k = 5;
  options.seed = 3;
  const auto draw = [&] { return Sequences(Decode({Input(options)})[0]); };
  const auto sequences = draw();
  EXPECT_EQ(sequences, draw());
  at::Tensor scores = HashDecoder::Scores(0, {kStart}) / 0.7;
  const at::Tensor fifth = std::get<0>(at::topk(scores, 5))[4];
  const at::Tensor expected =
      at::softmax(scores.masked_fill(scores < fifth, -std::numeric_limits<float>::infinity()), 0);
  std::vector<int> counts(kVocabulary);
  for (const Ids& ids : sequences) ++counts[static_cast<size_t>(ids[1])];
  for (int32_t v = 0; v < kVocabulary; ++v) {
    const auto p = expected[v].item<double>();
    EXPECT_NEAR(counts[static_cast<size_t>(v)], 1000 * p, 5 * std::sqrt(1000 * p)) << v;
  }
  options.seed = 4;
  EXPECT_NE(sequences, draw());
  options.top_k = 1;
  EXPECT_EQ(draw()[0], Greedy(0, 1));
  options.top_k = 0;
  options.top_p = 1e-6;
  EXPECT_EQ(draw()[0], Greedy(0, 1));
}

TEST(Generate, StopsWhenItIsToldTo) {
  GenerationOptions options = Options();
  options.eos_token_id = {};
  std::vector<GenerationInput> inputs(2, Input(options));
  int asked = 0;
  inputs[0].cancelled = [&] { return ++asked > 2; };
  const auto outputs = Decode(inputs);
  EXPECT_EQ(outputs[0].status.code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(outputs[0].sequences.empty());
  EXPECT_EQ(outputs[1].sequences[0].token_ids.size(), 7u);

  int steps = 0;
  auto status = Generate(HashDecoder(), {}, inputs, [&] { return ++steps > 3; }).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

TEST(Generate, AttentionIsOfTheStepThatEndedASequence) {
  GenerationOptions options = Options();
  options.num_beams = 3;
  options.num_return_sequences = 3;
  GenerationInput input = Input(options);
  input.attention = true;
  const auto outputs = Decode({input});
  ASSERT_EQ(outputs[0].sequences.size(), 3u);
  for (const GeneratedSequence& sequence : outputs[0].sequences) {
    // HashDecoder counts the tokens that a row was fed; the last one was chosen, not fed.
    EXPECT_EQ(sequence.attention.item<double>(),
              static_cast<double>(sequence.token_ids.size() - 1));
  }
}

TEST(Generate, RefusesOptionsByName) {
  const auto message = [](auto&& change) {
    GenerationOptions options = Options();
    change(options);
    return std::string(CheckGenerationOptions(options, kVocabulary).message());
  };
  EXPECT_THAT(message([](auto&) {}), "");
  EXPECT_THAT(message([](auto& o) { o.max_new_tokens = 0; }), testing::HasSubstr("max_new_tokens"));
  EXPECT_THAT(message([](auto& o) { o.num_return_sequences = 2; }),
              testing::HasSubstr("num_return_sequences is 2"));
  EXPECT_THAT(message([](auto& o) { o.num_beam_groups = 2; }),
              testing::HasSubstr("num_beam_groups is 2"));
  EXPECT_THAT(message([](auto& o) { o.temperature = 0; }), testing::HasSubstr("temperature is 0"));
  EXPECT_THAT(message([](auto& o) { o.eos_token_id = {8}; }),
              testing::HasSubstr("eos_token_id names token 8"));
  EXPECT_THAT(message([](auto& o) { o.bad_words_ids = {{}}; }),
              testing::HasSubstr("bad_words_ids"));
  EXPECT_THAT(message([](auto& o) { o.diversity_penalty = 1; }),
              testing::HasSubstr("diversity_penalty"));
}

TEST(ReadGenerationOptions, TakesTheLibrarysFieldsAndLeavesTheRest) {
  GenerationOptions options;
  ASSERT_TRUE(ReadGenerationOptions(R"({"max_length": 30, "num_beams": 4, "vocab_size": 9,
      "early_stopping": "never", "eos_token_id": [1, 2], "pad_token_id": 0, "max_new_tokens": null,
      "length_penalty": 0.5, "sequence_bias": [[[3, 4], -2.5]], "forced_eos_token_id": 1,
      "exponential_decay_length_penalty": [2, 1.5], "forced_decoder_ids": [[1, 5]]})",
                                    "f", options)
                  .ok());
  EXPECT_EQ(options.LengthLimit(1), 30);
  EXPECT_EQ(options.num_beams, 4);
  EXPECT_EQ(options.early_stopping, EarlyStopping::kNever);
  EXPECT_THAT(options.eos_token_id, ElementsAre(1, 2));
  EXPECT_THAT(options.forced_eos_token_id, ElementsAre(1));
  ASSERT_EQ(options.sequence_bias.size(), 1u);
  EXPECT_THAT(options.sequence_bias[0].sequence, ElementsAre(3, 4));
  EXPECT_EQ(options.exponential_decay_length_penalty->first, 2);
  EXPECT_EQ(options.top_k, 50);  // the library's default
  ASSERT_TRUE(ReadGenerationOptions(R"({"max_new_tokens": 5})", "f", options).ok());
  EXPECT_EQ(options.LengthLimit(1), 6);
  ASSERT_TRUE(
      ReadGenerationOptions(R"({"max_new_tokens": null, "eos_token_id": null})", "f", options)
          .ok());
  EXPECT_EQ(options.LengthLimit(1), 30);
  EXPECT_TRUE(options.eos_token_id.empty());
}

TEST(ReadGenerationOptions, SaysWhatIsWrongAndWhatIsNotThere) {
  const auto status = [](const char* json) {
    GenerationOptions options;
    return ReadGenerationOptions(json, "generation_config.json", options);
  };
  EXPECT_EQ(status("[]").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status(R"({"num_beams": "many"})").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status(R"({"early_stopping": "maybe"})").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status(R"({"bad_words_ids": [3]})").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status(R"({"penalty_alpha": 0.6})").code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status(R"({"force_words_ids": [[3]]})").code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace strata::models
