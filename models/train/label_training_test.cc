// Training of labels for sentences and sections, up to what the engine answers.
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/document/document_reader.h"
#include "models/engine/engine.h"
#include "models/train/objective.h"
#include "models/train/train.h"
#include "models/train/training_set.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kGarden[] = {"rose", "soil", "spade", "tulip", "seed", "compost"};
constexpr const char* kHarbour[] = {"anchor", "tide", "mast", "quay", "sail", "rudder"};

class LabelTrainingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("strata_labels_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    options_.task = TrainTask::kSentences;
    options_.train_path = (folder_ / "train.jsonl").string();
    options_.held_out_path = (folder_ / "dev.jsonl").string();
    options_.output_folder = (folder_ / "model").string();
    options_.architecture = {
        .vocab_size = 300, .d_model = 32, .d_kv = 16, .d_ff = 32, .num_layers = 1};
    options_.recipe.epochs = 40;
    options_.recipe.batch_documents = 4;
    options_.recipe.learning_rate = 1e-2;
    options_.compute_threads = 1;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Eight sentences of one subject, then eight of the other; every second says nothing by itself,
  // and one is not labelled.
  void WriteSentences(const std::string& path, int count, uint64_t seed) const {
    std::mt19937_64 random(seed);
    std::ofstream file(path);
    for (int d = 0; d < count; ++d) {
      std::string sentences, labels;
      for (int s = 0; s < 16; ++s) {
        const bool garden = (s < 8) == (d % 2 == 0);
        const std::string word = s % 2 == 1 ? "wall" : (garden ? kGarden : kHarbour)[random() % 6];
        if (s > 0) absl::StrAppend(&sentences, ",");
        if (s > 0) absl::StrAppend(&labels, ",");
        absl::StrAppend(&sentences, "\"It is near the old ", word, ".\"");
        absl::StrAppend(&labels, s == 5 ? "null" : garden ? "\"garden\"" : "\"harbour\"");
      }
      file << R"({"title":"Notes","sentences":[)" << sentences << R"(],"labels":[)" << labels
           << "]}\n";
    }
  }

  absl::StatusOr<TaskResult> Ask(const std::string& text, int32_t top_k = 0) const {
    auto engine = Engine::Load(options_.output_folder);
    if (!engine.ok()) return engine.status();
    auto tree = ReadDocument(text, DocumentFormat::kMarkdown);
    if (!tree.ok()) return tree.status();
    auto document = (*engine)->Prepare(*std::move(tree), {});
    if (!document.ok()) return document.status();
    TaskRequest request;
    request.top_k = top_k;
    request.explain = true;
    const WorkItem item{&*document, request, nullptr, nullptr};
    auto results = (*engine)->Run({&item, 1}, nullptr);
    if (!results.ok()) return results.status();
    return results->front();
  }

  fs::path folder_;
  TrainOptions options_;
};

TEST_F(LabelTrainingTest, SentencesLearnFromTheirNeighboursAndAreServed) {
  WriteSentences(options_.train_path, 48, 1);
  WriteSentences(options_.held_out_path, 12, 2);
  auto report = TrainClassifier(options_, nullptr, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->best.num_documents, 12);
  EXPECT_EQ(report->best.num_labels, 12 * 15) << "one of 16 has no label";
  // Without their neighbours the sentences of the wall are guesses: 0.75 at best.
  EXPECT_GE(report->best.accuracy, 0.95);
  EXPECT_LE(report->best_intervals.accuracy.low, report->best.accuracy);
  EXPECT_GE(report->best_intervals.accuracy.high, report->best.accuracy);

  // As in training, so that what is asked is whether it is served, not how far it generalizes.
  std::string text = "# Notes\n\n";
  for (int i = 0; i < 16; ++i) {
    const char* const word = i % 2 == 1 ? "wall" : i < 8 ? "rose" : "anchor";
    absl::StrAppend(&text, "It is near the old ", word, ". ");
  }
  auto result = Ask(text);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(result->status.ok()) << result->status;
  std::vector<std::string> labels, places;
  for (const LabelledNode& node : result->labelled_nodes) {
    EXPECT_EQ(node.kind, NodeKind::kSentence);
    labels.push_back(node.labels.front().label);
    places.push_back(text.substr(static_cast<size_t>(node.source.begin),
                                 static_cast<size_t>(node.source.size())));
    EXPECT_EQ(places.back(), node.text);
    EXPECT_NEAR(node.labels[0].probability + node.labels[1].probability, 1, 1e-5);
  }
  ASSERT_EQ(labels.size(), 16) << "the heading is no sentence";
  EXPECT_EQ(places[0], "It is near the old rose.");
  for (const size_t i : {0, 1, 4, 5}) EXPECT_EQ(labels[i], "garden") << i;
  for (const size_t i : {10, 11, 14, 15}) EXPECT_EQ(labels[i], "harbour") << i;
  ASSERT_EQ(result->labels.size(), 2);
  EXPECT_NEAR(result->labels[0].probability, 0.5, 0.2);
  EXPECT_TRUE(result->sentences.empty());
  result = Ask(text, 1);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->labelled_nodes[0].labels.size(), 1);

  std::ifstream config(options_.output_folder + "/config.json");
  std::string json(std::istreambuf_iterator<char>(config), {});
  json.replace(json.find("\"sentence\""), 10, "\"chapter\"");
  std::ofstream(options_.output_folder + "/config.json") << json;
  EXPECT_THAT(std::string(Ask(text).status().message()),
              HasSubstr("label_level is \"chapter\"; it must be"));
}

TEST_F(LabelTrainingTest, SectionsAreLabelledOnce) {
  options_.task = TrainTask::kSections;
  EXPECT_THAT(std::string(TrainClassifier(options_, nullptr, nullptr, nullptr).status().message()),
              HasSubstr("num_layers must be at least 2 for sections"));
  options_.architecture.num_layers = 2;
  options_.held_out_path.clear();
  options_.held_out_share = 0.2;
  std::mt19937_64 random(3);
  std::ofstream file(options_.train_path);
  for (int d = 0; d < 60; ++d) {
    std::string sections, labels;
    for (int s = 0; s < 3; ++s) {
      const bool garden = random() % 2 == 0;
      const auto word = [&] { return std::string((garden ? kGarden : kHarbour)[random() % 6]); };
      absl::StrAppend(&sections, s > 0 ? "," : "", "{\"heading\":\"Part\",\"paragraphs\":[\"The ",
                      word(), " is near the ", word(), ".\"]}");
      absl::StrAppend(&labels, s > 0 ? "," : "", garden ? "1" : "2");
    }
    file << R"({"sections":[)" << sections << R"(],"labels":[)" << labels << "]}\n";
  }
  file.close();
  auto report = TrainClassifier(options_, nullptr, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->best.num_labels, 3 * report->num_held_out_documents);
  EXPECT_GE(report->best.accuracy, 0.9);
  auto result =
      Ask("# Part\n\nThe rose is near the soil.\n\n# Part\n\nThe tide is near the mast.\n");
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->labelled_nodes.size(), 2);
  EXPECT_EQ(result->labelled_nodes[0].text, "Part");
  EXPECT_EQ(result->labelled_nodes[0].labels[0].label, "1");
  EXPECT_EQ(result->labelled_nodes[1].kind, NodeKind::kSection);
  EXPECT_EQ(result->labelled_nodes[1].labels[0].label, "2");
}

TEST_F(LabelTrainingTest, WrongLabelsAreNamed) {
  options_.held_out_path.clear();
  const auto refused = [&](const std::string& line) {
    std::ofstream(options_.train_path) << line << "\n";
    return std::string(TrainClassifier(options_, nullptr, nullptr, nullptr).status().message());
  };
  EXPECT_THAT(refused(R"({"sentences":["One.","Two."],"labels":["a"]})"),
              HasSubstr("line 1: \"labels\" has 1 entries, the document 2 sentences"));
  EXPECT_THAT(refused(R"({"sentences":["One."],"label":"a"})"), HasSubstr("has 0 entries"));
  EXPECT_THAT(refused(R"({"sentences":["One."],"labels":[null]})"), HasSubstr("none of the"));
  EXPECT_THAT(refused(R"({"sentences":["One.","Two."],"labels":["a","a"]})"), HasSubstr("1 label"));
  options_.recipe.class_balance = 2;
  EXPECT_THAT(refused(R"({"sentences":["One.","Two."],"labels":["a","b"]})"),
              HasSubstr("class_balance"));
}

TEST(ClassWeights, GrowWithRarity) {
  const std::vector<TrainingDocument> documents = {{{}, {0, 0, 0, kUnlabelled, 1, kNoNode}}};
  EXPECT_FALSE(ClassWeights(documents, 2, 0).defined());
  const at::Tensor full = ClassWeights(documents, 2, 1);
  EXPECT_NEAR(full[0].item<double>(), 4.0 / 6, 1e-6);
  EXPECT_NEAR(full[1].item<double>(), 2.0, 1e-6);
  EXPECT_NEAR(ClassWeights(documents, 2, 0.5)[1].item<double>(), std::sqrt(2.0), 1e-6);
}

}  // namespace
}  // namespace strata::models
