// Matching from model folder to score: SMITH and a model that only embeds.
#include "models/engine/match.h"

#include <ATen/Functions.h>

#include <cmath>
#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/testing/temporary_folder.h"
#include "models/document/document_reader.h"
#include "models/engine/engine.h"
#include "models/smith/smith.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

constexpr char kConfig[] = R"({
  "model_type": "smith",
  "encoder_config": {"max_sent_length_by_word": 8, "max_doc_length_by_sentence": 4,
                     "loop_sent_number_per_doc": 3, "doc_rep_combine_mode": "mean_concat"},
  "bert_config": {"vocab_size": 12, "hidden_size": 16, "num_hidden_layers": 2,
                  "num_attention_heads": 2, "intermediate_size": 24,
                  "max_position_embeddings": 10, "type_vocab_size": 2, "initializer_range": 0.4},
  "doc_bert_config": {"vocab_size": 12, "hidden_size": 16, "num_hidden_layers": 1,
                      "num_attention_heads": 2, "intermediate_size": 24,
                      "max_position_embeddings": 6, "initializer_range": 0.4}})";

class MatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("config.json", kConfig);
    folder_.Write("vocab.txt",
                  "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\nsat\nmat\ndog\n.\nran\n");
    const SmithConfig config = ParseSmithConfig(kConfig, "config").value();
    at::manual_seed(5);
    Smith model(config, {}, InitialSmithWeights(config, {}));
    ASSERT_TRUE(WriteSafetensors(folder_.File("model.safetensors"),
                                 SaveWeights(model.Table(), TensorType::kFloat32))
                    .ok());
    auto engine = Engine::Load(folder_.path());
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *engine;
  }

  static DocumentTree Tree(const std::string& text) {
    return ReadDocument(text, DocumentFormat::kPlainText).value();
  }

  TaskResult Run(const Engine& engine, const std::string& text, TaskRequest request) {
    auto prepared = engine.Prepare(Tree(text), {.max_tokens = 1000});
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    const WorkItem item{&*prepared, std::move(request)};
    auto results = engine.Run({&item, 1}, nullptr);
    EXPECT_TRUE(results.ok()) << results.status();
    return results->front();
  }
  TaskResult Match(const std::string& text) { return Run(*engine_, text, {.task = Task::kMatch}); }

  const TemporaryFolder folder_{"match"};
  std::shared_ptr<const Engine> engine_;
};

TEST_F(MatchTest, ADocumentGivesItsVectorAndItsBlocks) {
  EXPECT_THAT(engine_->info().tasks, testing::Contains(Task::kMatch));
  EXPECT_EQ(engine_->info().match_amplifier, 6.0);
  const std::string text = "The cat sat. The dog ran. The mat.";  // 4, 4 and 3 tokens
  const TaskResult result = Match(text);
  ASSERT_TRUE(result.status.ok()) << result.status;
  ASSERT_EQ(result.embeddings.size(), 4);
  EXPECT_EQ(result.embeddings[0].values.size(), 32);  // mean of blocks, then the document's
  const std::vector<ByteSpan> blocks = BlocksOf(result);
  ASSERT_EQ(blocks.size(), 3);
  EXPECT_EQ(text.substr(blocks[1].begin, blocks[1].size()), "The dog ran.");
  EXPECT_EQ(result.embeddings[1].values.size(), 16);
  EXPECT_EQ(result.tokens.num_words_kept, 11);
}

TEST_F(MatchTest, TheScoreIsTheModelsOwn) {
  const TaskResult first = Match("The cat sat. The dog ran."), second = Match("The mat ran.");
  const MatchScore score = ScoreMatch(engine_->info(), first, second);
  const double product =
      std::inner_product(first.embeddings[0].values.begin(), first.embeddings[0].values.end(),
                         second.embeddings[0].values.begin(), 0.0);
  EXPECT_NEAR(score.score, 6 * product, 1e-4);
  ASSERT_TRUE(score.probability.has_value());
  EXPECT_NEAR(*score.probability, 1 / (1 + std::exp(-6 * product)), 1e-5);

  const MatchScore itself = ScoreMatch(engine_->info(), first, first);
  EXPECT_GT(itself.score, score.score);

  const std::vector<BlockPair> pairs = BlockMatcher(first).BestPairs(first, 1);
  ASSERT_EQ(pairs.size(), 1);
  EXPECT_NEAR(pairs[0].similarity, 1, 1e-5);
  EXPECT_EQ(pairs[0].first, pairs[0].second);
  EXPECT_EQ(BlockMatcher(first).BestPairs(second, 10).size(),
            1);  // one for each block of the second
  EXPECT_TRUE(BlockMatcher(first).BestPairs(second, 0).empty());
}

TEST_F(MatchTest, ALongDocumentIsRefusedUnlessItMayBeCut) {
  const std::string text = "The cat sat. The dog ran. The mat sat. The dog sat.";
  const auto refused = engine_->Prepare(Tree(text), {.max_tokens = 1000});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("fills 4 blocks"));
  for (const int64_t max_tokens : {0, 1000}) {
    const auto cut = engine_->Prepare(
        Tree(text), {.max_tokens = max_tokens, .truncation = Truncation::kKeepHead});
    ASSERT_TRUE(cut.ok()) << cut.status();
    EXPECT_EQ(cut->sequence.num_words_seen, 16);
    EXPECT_EQ(cut->sequence.num_words_kept, 12);
  }
}

TEST_F(MatchTest, WhatHasNoTextIsRefused) {
  EXPECT_THAT(std::string(Match("").status.message()), HasSubstr("nothing to match"));
}

TEST_F(MatchTest, EveryLevelHasItsVectors) {
  const TaskResult section =
      Run(*engine_, "The cat sat.", {.task = Task::kEmbed, .levels = {EmbeddingLevel::kSection}});
  ASSERT_EQ(section.embeddings.size(), 1);  // the mean of the document's tokens
  EXPECT_EQ(section.embeddings[0].values.size(), 16);
  const TaskResult tokens =
      Run(*engine_, "The cat sat.",
          {.task = Task::kEmbed, .levels = {EmbeddingLevel::kToken, EmbeddingLevel::kDocument}});
  EXPECT_EQ(tokens.embeddings.size(), 5);
}

TEST_F(MatchTest, ManyDocumentsOfOneBatchKeepTheirBlocks) {
  const std::string texts[] = {"The cat sat. The dog ran.", "The mat.",
                               "The dog sat. The mat ran."};
  std::vector<PreparedDocument> prepared;
  for (const std::string& text : texts) {
    prepared.push_back(engine_->Prepare(Tree(text), {.max_tokens = 1000}).value());
  }
  std::vector<WorkItem> items;
  for (const PreparedDocument& document : prepared) {
    items.push_back({&document, {.task = Task::kMatch}});
  }
  const auto together = engine_->Run(items, nullptr);
  ASSERT_TRUE(together.ok()) << together.status();
  for (size_t i = 0; i < items.size(); ++i) {
    const TaskResult alone = Match(texts[i]);
    ASSERT_EQ((*together)[i].embeddings.size(), alone.embeddings.size());
    for (size_t e = 0; e < alone.embeddings.size(); ++e) {
      EXPECT_EQ((*together)[i].embeddings[e].source, alone.embeddings[e].source);
      for (size_t v = 0; v < alone.embeddings[e].values.size(); ++v) {
        EXPECT_NEAR((*together)[i].embeddings[e].values[v], alone.embeddings[e].values[v], 1e-5);
      }
    }
  }
}

// A model that is not trained to match is compared by the cosine of its documents' vectors.
TEST_F(MatchTest, AnyModelWithDocumentVectorsMatches) {
  auto zoo = Engine::Load(STRATA_SOURCE_DIR "/models/zoo/openstax-subjects");
  ASSERT_TRUE(zoo.ok()) << zoo.status();
  EXPECT_THAT((*zoo)->info().tasks, testing::Contains(Task::kMatch));
  const auto match = [&](const std::string& text) {
    return Run(**zoo, text, {.task = Task::kMatch});
  };
  const TaskResult force =
      match("A net force changes the velocity of a mass. Acceleration follows.");
  const TaskResult motion =
      match("The projectile has an initial velocity. Gravity accelerates it.");
  const TaskResult market = match("Supply and demand set the price. Firms maximize their profit.");
  const MatchScore near = ScoreMatch((*zoo)->info(), force, motion);
  const MatchScore far = ScoreMatch((*zoo)->info(), force, market);
  EXPECT_FALSE(near.probability.has_value());
  EXPECT_GT(near.score, far.score + 0.1);
  EXPECT_LE(near.score, 1.0001);
  EXPECT_EQ(BlocksOf(force).size(), 2);
}

}  // namespace
}  // namespace strata::models
