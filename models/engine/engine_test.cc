// The shipped classifier on the samples, in every precision of its weights: a document's answer is
// the same, bit for bit, alone, in any batch and for any number of threads; and how near it comes.
#include "models/engine/engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "models/document/document_reader.h"

namespace strata::models {
namespace {

std::vector<PreparedDocument> PrepareSamples(const Engine& engine) {
  std::set<std::filesystem::path> paths;  // in one order everywhere
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(STRATA_SOURCE_DIR) + "/samples")) {
    paths.insert(entry.path());
  }
  std::vector<PreparedDocument> documents;
  for (const std::filesystem::path& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(stream), {});
    auto tree = ReadDocument(bytes, DetectDocumentFormat(bytes, path.filename().string()));
    EXPECT_TRUE(tree.ok()) << path << ": " << tree.status();
    auto document = engine.Prepare(*std::move(tree), {});
    EXPECT_TRUE(document.ok()) << path << ": " << document.status();
    documents.push_back(*std::move(document));
  }
  return documents;
}

// All numbers of an answer.
std::vector<float> NumbersOf(const TaskResult& result) {
  EXPECT_TRUE(result.status.ok()) << result.status;
  std::vector<float> numbers;
  for (const LabelScore& label : result.labels) {
    numbers.push_back(label.logit);
    numbers.push_back(label.probability);
  }
  for (const auto* nodes : {&result.sentences, &result.sections}) {
    for (const NodeContribution& node : *nodes) {
      numbers.push_back(node.weight);
      numbers.push_back(node.contribution);
    }
  }
  for (const Embedding& embedding : result.embeddings) {
    numbers.insert(numbers.end(), embedding.values.begin(), embedding.values.end());
  }
  EXPECT_FALSE(numbers.empty());
  return numbers;
}

std::vector<std::vector<float>> Answers(const Engine& engine, absl::Span<const WorkItem> batch) {
  auto results = engine.Run(batch, nullptr);
  EXPECT_TRUE(results.ok()) << results.status();
  std::vector<std::vector<float>> answers;
  for (const TaskResult& result : *results) answers.push_back(NumbersOf(result));
  return answers;
}

class EngineTest : public testing::TestWithParam<WeightPrecision> {
 protected:
  static std::shared_ptr<const Engine> Load(WeightPrecision precision) {
    auto engine = Engine::Load(std::string(STRATA_SOURCE_DIR) + "/models/zoo/openstax-subjects",
                               {.precision = precision});
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() ? *std::move(engine) : nullptr;
  }
};

std::string NameOf(const testing::TestParamInfo<WeightPrecision>& of) {
  return std::string(WeightPrecisionName(of.param));
}

INSTANTIATE_TEST_SUITE_P(Precisions, EngineTest,
                         testing::Values(WeightPrecision::kFloat32, WeightPrecision::kBFloat16,
                                         WeightPrecision::kInt8),
                         NameOf);

TEST_P(EngineTest, AnswersAreBitEqualAloneBatchedAndForAnyNumberOfThreads) {
  const auto engine = Load(GetParam());
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(engine->info().precision, GetParam());
  const std::vector<PreparedDocument> documents = PrepareSamples(*engine);
  ASSERT_GE(documents.size(), 5u);
  TaskRequest classify, embed;
  classify.explain = true;
  embed.task = Task::kEmbed;
  embed.levels = {EmbeddingLevel::kDocument, EmbeddingLevel::kSection, EmbeddingLevel::kSentence,
                  EmbeddingLevel::kToken};
  embed.normalize = true;
  std::vector<WorkItem> batch;
  for (const TaskRequest& request : {classify, embed}) {
    for (const PreparedDocument& document : documents) batch.push_back({&document, request});
  }
  SetComputeThreads(1);
  std::vector<std::vector<float>> alone;
  for (const WorkItem& item : batch) alone.push_back(Answers(*engine, {item})[0]);
  for (int threads : {1, 2, 3, 5}) {
    SetComputeThreads(threads);
    EXPECT_EQ(Answers(*engine, batch), alone) << threads << " threads";
  }
  SetComputeThreads(0);
}

// Beside float32; docs/precision.md tells what was measured.
TEST_P(EngineTest, ALowerPrecisionAnswersNearly) {
  const std::map<WeightPrecision, double> limits = {{WeightPrecision::kFloat32, 0},
                                                    {WeightPrecision::kBFloat16, 0.02},
                                                    {WeightPrecision::kInt8, 0.1}};
  const double most = limits.at(GetParam());
  const auto exact = Load(WeightPrecision::kFloat32), engine = Load(GetParam());
  ASSERT_NE(exact, nullptr);
  ASSERT_NE(engine, nullptr);
  TaskRequest classify, embed;
  embed.task = Task::kEmbed;
  embed.levels = {EmbeddingLevel::kDocument, EmbeddingLevel::kSentence};
  for (const PreparedDocument& document : PrepareSamples(*exact)) {
    const WorkItem item{&document, classify};
    auto expected = exact->Run({item}, nullptr), actual = engine->Run({item}, nullptr);
    ASSERT_TRUE(expected.ok() && actual.ok());
    const LabelScore& best = (*actual)[0].labels[0];
    EXPECT_EQ(best.label, (*expected)[0].labels[0].label);
    EXPECT_NEAR(best.logit, (*expected)[0].labels[0].logit, 10 * most);
    const std::vector<float> wanted = Answers(*exact, {{&document, embed}})[0];
    const std::vector<float> got = Answers(*engine, {{&document, embed}})[0];
    ASSERT_EQ(got.size(), wanted.size());
    double error = 0, size = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      error += std::pow(got[i] - wanted[i], 2);
      size += std::pow(wanted[i], 2);
    }
    EXPECT_LE(std::sqrt(error / size), most);
    // The files hold bfloat16, which loses nothing more.
    if (GetParam() == WeightPrecision::kInt8) {
      EXPECT_GT(error, 0);
    }
  }
  if (GetParam() != WeightPrecision::kFloat32) {
    EXPECT_LT(engine->info().weight_bytes, exact->info().weight_bytes);
  }
}

}  // namespace
}  // namespace strata::models
