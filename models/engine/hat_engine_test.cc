// A HAT folder through the engine: labels by its own head, vectors of every level.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/safetensors.h"
#include "models/document/document_reader.h"
#include "models/engine/engine.h"
#include "models/hat/hat_heads.h"
#include "models/hat/hat_input.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr char kText[] = "# a\n\nB? C d e f?\n\n# g\n\nH i?\n";

class HatEngine : public ::testing::Test {
 protected:
  HatEngine() : folder_(fs::path(::testing::TempDir()) / "hat_engine_test") {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\na\nb\nc\nd\ne\nf\ng\nh\ni\n?\n");
    config_ = {{"model_type", "hierarchical-transformer"},
               {"architectures", {"HATForSequenceClassification"}},
               {"vocab_size", 13},
               {"hidden_size", 16},
               {"num_attention_heads", 2},
               {"intermediate_size", 24},
               {"max_sentences", 8},
               {"max_sentence_length", 6},
               {"num_hidden_layers", 2},
               {"id2label", {{"0", "red"}, {"1", "green"}, {"2", "blue"}}},
               {"encoder_layout",
                {{"0", {{"sentence_encoder", true}, {"document_encoder", false}}},
                 {"1", {{"sentence_encoder", true}, {"document_encoder", true}}}}}};
    heads_.pooler = true;
    heads_.num_classes = 3;
  }
  ~HatEngine() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }

  // Writes config.json and weights; the model as it is.
  Hat WriteModel() {
    Write("config.json", config_.dump());
    auto config = ParseHatConfig(config_.dump(), "config.json");
    EXPECT_TRUE(config.ok()) << config.status();
    at::manual_seed(3);
    Hat model(*config, heads_, AllocateHatWeights(*config, heads_));
    for (const WeightEntry& entry : model.Table()) RowsOf(entry).normal_(0, 0.4);
    EXPECT_TRUE(WriteSafetensors((folder_ / "model.safetensors").string(),
                                 SaveWeights(model.Table(), TensorType::kFloat32))
                    .ok());
    return model;
  }

  absl::StatusOr<std::shared_ptr<const Engine>> Load() { return Engine::Load(folder_.string()); }

  static absl::StatusOr<PreparedDocument> Prepare(const Engine& engine, const std::string& text,
                                                  const PrepareOptions& options = {}) {
    auto tree = ReadDocument(text, DocumentFormat::kMarkdown, {});
    if (!tree.ok()) return tree.status();
    return engine.Prepare(*std::move(tree), options);
  }

  static TaskResult Run(const Engine& engine, const std::string& text, const TaskRequest& request) {
    auto document = Prepare(engine, text);
    EXPECT_TRUE(document.ok()) << document.status();
    const WorkItem item{&*document, request};
    auto results = engine.Run({&item, 1}, nullptr);
    EXPECT_TRUE(results.ok()) << results.status();
    EXPECT_TRUE((*results)[0].status.ok()) << (*results)[0].status;
    return (*results)[0];
  }

  const fs::path folder_;
  Json config_;
  HatHeads heads_;
};

// The reference's rows for kText: three segments of 4, 6 and 5 tokens, padded to 6.
absl::StatusOr<HatBatch> PaddedBatch(const HatConfig& config) {
  const std::vector<int32_t> ids = {2, 3, 4, 12, 0, 0, 2, 5, 6, 7, 8, 12, 2, 9, 10, 11, 12, 0};
  std::vector<int32_t> mask;
  for (int32_t id : ids) mask.push_back(id != 0);
  auto document = DocumentOfPaddedRow(config, {ids, mask, {}, {}}, false);
  if (!document.ok()) return document.status();
  return BatchHatDocuments({*document});
}

TEST_F(HatEngine, ClassifiesByTheCheckpointsOwnHead) {
  const Hat model = WriteModel();
  auto engine = Load();
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_THAT((*engine)->info().tasks,
              ElementsAre(Task::kEmbed, Task::kMatch, Task::kClassify, Task::kSummarize));
  EXPECT_THAT((*engine)->info().labels, ElementsAre("red", "green", "blue"));
  TaskRequest request;
  request.explain = true;
  const TaskResult result = Run(**engine, kText, request);

  auto batch = PaddedBatch(model.config());
  ASSERT_TRUE(batch.ok()) << batch.status();
  const at::NoGradGuard no_grad;
  auto states = model.Forward(*batch);
  ASSERT_TRUE(states.ok()) << states.status();
  const at::Tensor logits =
      HatClassifier(model, HatPooler(model, HatPool(model, *states, *batch, HatPooling::kMax)))[0];
  ASSERT_EQ(result.labels.size(), 3u);
  double sum = 0;
  for (const LabelScore& score : result.labels) {
    const int64_t label = score.label == "red" ? 0 : score.label == "green" ? 1 : 2;
    EXPECT_NEAR(score.logit, logits[label].item<float>(), 1e-4);
    sum += score.probability;
  }
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_GE(result.labels[0].logit, result.labels[1].logit);
  // One entry a segment, with the segment's own text; two sections.
  ASSERT_EQ(result.sentences.size(), 3u);
  EXPECT_EQ(result.sentences[1].text, "C d e f?");
  EXPECT_EQ(std::string(kText).substr(static_cast<size_t>(result.sentences[2].source.begin),
                                      static_cast<size_t>(result.sentences[2].source.size())),
            "g\n\nH i?");
  float weight = 0;
  for (const NodeContribution& sentence : result.sentences) weight += sentence.weight;
  EXPECT_NEAR(weight, 1, 1e-5);
  ASSERT_EQ(result.sections.size(), 2u);
  EXPECT_EQ(result.sections[1].text, "g");
  EXPECT_FLOAT_EQ(result.sections[0].contribution,
                  result.sentences[0].contribution + result.sentences[1].contribution);
}

TEST_F(HatEngine, LabelsThatDoNotExcludeEachOtherAreReadOneByOne) {
  config_["problem_type"] = "multi_label_classification";
  WriteModel();
  auto engine = Load();
  ASSERT_TRUE(engine.ok()) << engine.status();
  for (const LabelScore& score : Run(**engine, kText, {}).labels) {
    EXPECT_NEAR(score.probability, 1 / (1 + std::exp(-score.logit)), 1e-5);
  }
}

TEST_F(HatEngine, GivesVectorsOfEveryLevel) {
  const Hat model = WriteModel();
  auto engine = Load();
  ASSERT_TRUE(engine.ok()) << engine.status();
  TaskRequest request;
  request.task = Task::kEmbed;
  request.levels = {EmbeddingLevel::kDocument, EmbeddingLevel::kSection, EmbeddingLevel::kSentence,
                    EmbeddingLevel::kToken};
  const TaskResult result = Run(**engine, kText, request);
  std::vector<int> counts(4);
  for (const Embedding& embedding : result.embeddings)
    ++counts[static_cast<size_t>(embedding.level)];
  EXPECT_THAT(counts, ElementsAre(1, 2, 3, 12));
  auto batch = PaddedBatch(model.config());
  const at::NoGradGuard no_grad;
  auto states = model.Forward(*batch);
  const at::Tensor vector = HatPooler(model, HatPool(model, *states, *batch, HatPooling::kMax))[0];
  for (int64_t i = 0; i < vector.size(0); ++i) {
    EXPECT_NEAR(result.embeddings[0].values[static_cast<size_t>(i)], vector[i].item<float>(), 1e-4);
  }
  // The first section's vector is the mean of its eight tokens.
  const at::Tensor words = states->index_select(0, at::tensor({1, 2, 3, 5, 6, 7, 8, 9}));
  for (int64_t i = 0; i < vector.size(0); ++i) {
    EXPECT_NEAR(result.embeddings[1].values[static_cast<size_t>(i)], words.mean(0)[i].item<float>(),
                1e-4);
  }
}

TEST_F(HatEngine, AMaskedLmCheckpointGivesVectorsOnly) {
  heads_ = {};
  heads_.masked_lm = true;
  WriteModel();
  auto engine = Load();
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_THAT((*engine)->info().tasks, ElementsAre(Task::kEmbed, Task::kMatch, Task::kSummarize));
  EXPECT_FALSE((*engine)->Check({}).ok());
}

TEST_F(HatEngine, LabelAttentionScoresEachLabelByItsOwnVector) {
  config_["pooling"] = "label_attention";
  heads_ = {};
  heads_.label_attention = true;
  heads_.num_classes = 3;
  const Hat model = WriteModel();
  auto engine = Load();
  ASSERT_TRUE(engine.ok()) << engine.status();
  TaskRequest request;
  request.explain = true;
  const TaskResult result = Run(**engine, kText, request);
  auto batch = PaddedBatch(model.config());
  const at::NoGradGuard no_grad;
  auto states = model.Forward(*batch);
  const at::Tensor x = HatFirstTokens(*states, *batch);  // [3, d]
  const HatWeights& weights = model.weights();
  for (const LabelScore& score : result.labels) {
    const int64_t k = score.label == "red" ? 0 : score.label == "green" ? 1 : 2;
    const at::Tensor share = at::softmax(at::mv(x, weights.label_attention.weight[k]), 0);
    const at::Tensor expected = at::dot(weights.label_scores.weight[k], at::mv(x.t(), share)) +
                                weights.label_scores.bias[k];
    EXPECT_NEAR(score.logit, expected.item<float>(), 1e-4);
  }
  ASSERT_EQ(result.sentences.size(), 3u);
}

TEST_F(HatEngine, RefusesWhatDoesNotFit) {
  WriteModel();
  auto engine = Load();
  ASSERT_TRUE(engine.ok()) << engine.status();
  std::string long_text;
  for (int i = 0; i < 60; ++i) long_text += "a b ";
  const auto refused = Prepare(**engine, long_text);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  PrepareOptions cut;
  cut.max_tokens = 1000;
  cut.truncation = Truncation::kKeepHead;
  auto kept = Prepare(**engine, long_text, cut);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->sequence.num_words_seen, 120);
  EXPECT_EQ(kept->sequence.num_words_kept, 40);  // 8 segments of 5

  config_["id2label"] = {{"0", "red"}, {"1", "green"}};
  Write("config.json", config_.dump());
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("3 classes"));
  config_["id2label"] = {{"0", "red"}, {"1", "green"}, {"2", "blue"}};
  config_["pooling"] = "attentive";
  Write("config.json", config_.dump());
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("attentive_pooling"));
  config_.erase("pooling");
  config_["intermediate_size"] = 25;
  Write("config.json", config_.dump());
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("intermediate.dense"));
}

}  // namespace
}  // namespace strata::models
