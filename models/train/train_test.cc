#include "models/train/train.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/document/document_reader.h"
#include "models/document/json_lines.h"
#include "models/engine/engine.h"
#include "models/train/training_set.h"

namespace strata::models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

constexpr const char* kGarden[] = {"rose", "soil",    "spade", "tulip",
                                   "seed", "compost", "hedge", "lawn"};
constexpr const char* kHarbour[] = {"anchor", "tide",   "mast", "quay",
                                    "sail",   "rudder", "gull", "rope"};

// Documents of two subjects; each sentence has two words of its subject among common ones.
void WriteDocuments(const fs::path& path, int count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::ofstream file(path);
  for (int d = 0; d < count; ++d) {
    const bool garden = d % 2 == 0;
    const auto word = [&] { return std::string((garden ? kGarden : kHarbour)[random() % 8]); };
    file << R"({"id":")" << d << R"(","label":")" << (garden ? "garden" : "harbour")
         << R"(","title":"Notes","sections":[)";
    for (int s = 0; s < 2; ++s) {
      file << (s ? "," : "") << R"({"heading":"Part","paragraphs":[")";
      for (int k = 0; k < 4; ++k) file << "The " << word() << " is near the old " << word() << ". ";
      file << R"("]})";
    }
    file << "]}\n";
  }
}

class TrainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("strata_train_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    WriteDocuments(folder_ / "train.jsonl", 60, 1);
    WriteDocuments(folder_ / "dev.jsonl", 20, 2);
    options_.train_path = (folder_ / "train.jsonl").string();
    options_.held_out_path = (folder_ / "dev.jsonl").string();
    options_.output_folder = (folder_ / "model").string();
    options_.architecture = {.vocab_size = 300, .d_model = 32, .d_kv = 16, .d_ff = 32};
    options_.recipe.epochs = 4;
    options_.recipe.batch_documents = 8;
    options_.recipe.sentence_share = 0.7;
    options_.recipe.learning_rate = 1e-2;
    options_.compute_threads =
        1;  // so little work is slower with more, most of all on a busy machine
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string Bytes(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }

  fs::path folder_;
  TrainOptions options_;
};

// Of labelled documents, each answered alone by the engine that serves.
double ServedAccuracy(const Engine& engine, const std::string& path) {
  auto reader = JsonLinesReader::Open(path);
  if (!reader.ok()) return -1;
  int64_t right = 0, all = 0;
  for (JsonLine line; (*reader)->Next(line).value_or(false); ++all) {
    auto tree = ReadDocument(line.json, DocumentFormat::kJson);
    auto document = engine.Prepare(*std::move(tree), {});
    if (!document.ok()) return -1;
    const WorkItem item{&*document, {}};
    auto results = engine.Run({&item, 1}, nullptr);
    if (!results.ok() || results->front().labels.empty()) return -1;
    right += results->front().labels.front().label == line.label;
  }
  return static_cast<double>(right) / static_cast<double>(all);
}

TEST_F(TrainTest, LearnsAndServes) {
  auto report = TrainClassifier(options_, nullptr, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->epochs.size(), 4);
  EXPECT_GE(report->best.accuracy, 0.95);
  EXPECT_LT(report->epochs.back().train_loss, report->epochs.front().train_loss);

  auto engine = Engine::Load(options_.output_folder);
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_NEAR(ServedAccuracy(**engine, options_.held_out_path), report->best.accuracy,
              0.051);  // bfloat16 weights

  auto tree =
      ReadDocument("# Log\n\nThe anchor is near the quay.\n\n## Later\n\nThe sail was wet.\n",
                   DocumentFormat::kMarkdown);
  ASSERT_TRUE(tree.ok()) << tree.status();
  auto document = (*engine)->Prepare(*tree, {});
  ASSERT_TRUE(document.ok()) << document.status();
  TaskRequest classify;
  classify.explain = true;
  TaskRequest embed;
  embed.task = Task::kEmbed;
  embed.levels = {EmbeddingLevel::kDocument, EmbeddingLevel::kSection, EmbeddingLevel::kSentence,
                  EmbeddingLevel::kToken};
  const WorkItem items[] = {{&*document, classify}, {&*document, embed}};
  auto results = (*engine)->Run(items, nullptr);
  ASSERT_TRUE(results.ok()) << results.status();

  const TaskResult& classified = (*results)[0];
  ASSERT_TRUE(classified.status.ok()) << classified.status;
  EXPECT_EQ(classified.labels.front().label, "harbour");
  EXPECT_EQ(classified.sentences.size(), 4);  // two headings, two sentences
  EXPECT_EQ(classified.sections.size(), 2);
  double weights = 0, sentences = 0, sections = 0;
  for (const auto& sentence : classified.sentences) {
    weights += sentence.weight;
    sentences += sentence.contribution;
  }
  for (const auto& section : classified.sections) sections += section.contribution;
  EXPECT_NEAR(weights, 1.0, 1e-5);
  EXPECT_NEAR(sentences, sections, 1e-5);
  // With two classes the contributions add up to half the logits' difference, biases aside.
  const double difference = classified.labels[0].logit - classified.labels[1].logit;
  EXPECT_NEAR(sentences, difference / 2, 0.2);

  const TaskResult& embedded = (*results)[1];
  ASSERT_TRUE(embedded.status.ok());
  EXPECT_EQ(embedded.tokens.num_words_seen, embedded.tokens.num_words_kept);
  EXPECT_EQ(static_cast<int64_t>(embedded.embeddings.size()),
            1 + 2 + 4 + embedded.tokens.num_words_kept);
  for (const Embedding& embedding : embedded.embeddings) EXPECT_EQ(embedding.values.size(), 32);
}

TEST_F(TrainTest, AResumedRunEndsWithTheSameWeights) {
  ASSERT_TRUE(TrainClassifier(options_, nullptr, nullptr, nullptr).ok());
  EXPECT_EQ(TrainClassifier(options_, nullptr, nullptr, nullptr).status().code(),
            absl::StatusCode::kFailedPrecondition)
      << "a finished model must not be overwritten";
  const std::string whole = Bytes(folder_ / "model" / "model.safetensors");

  TrainOptions second = options_;
  second.output_folder = (folder_ / "second").string();
  int64_t step = 0;
  const auto status = TrainClassifier(
                          second, [&](const TrainProgress& progress) { step = progress.step; },
                          nullptr, [&] { return step >= 20; })
                          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(TrainClassifier(second, nullptr, nullptr, nullptr).status().code(),
            absl::StatusCode::kFailedPrecondition)
      << "an unfinished run must not be overwritten";

  TrainOptions other = second;
  other.resume = true;
  other.recipe.seed = 99;
  other.train_path = options_.held_out_path;
  const absl::Status refused = TrainClassifier(other, nullptr, nullptr, nullptr).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("seed was 1, is 99"), HasSubstr("train_path has another content"),
                    Not(HasSubstr("epochs"))));

  second.resume = true;
  auto report = TrainClassifier(second, nullptr, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->epochs.size(), 4);
  EXPECT_TRUE(whole == Bytes(folder_ / "second" / "model.safetensors"));
}

TEST_F(TrainTest, StopsEarlyWhenNothingImproves) {
  options_.recipe.epochs = 40;
  options_.recipe.patience = 2;
  options_.recipe.learning_rate = 0.5;  // breaks what the first epochs learnt
  options_.recipe.max_gradient_norm = 100;
  auto report = TrainClassifier(options_, nullptr, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->stopped_early);
  EXPECT_EQ(static_cast<int32_t>(report->epochs.size()), report->best_epoch + 2);
}

TEST_F(TrainTest, AFolderWithOtherFilesIsRefusedAndLeftAlone) {
  options_.output_folder = folder_.string();  // where the training documents are
  const std::string documents = Bytes(folder_ / "train.jsonl");
  absl::Status status = TrainClassifier(options_, nullptr, nullptr, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("is not empty (dev.jsonl, train.jsonl)"));
  EXPECT_EQ(Bytes(folder_ / "train.jsonl"), documents);

  options_.output_folder = (folder_ / "mine").string();
  fs::create_directories(options_.output_folder);
  std::ofstream(folder_ / "mine" / "config.json") << "mine";
  options_.resume = true;
  status = TrainClassifier(options_, nullptr, nullptr, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(Bytes(folder_ / "mine" / "config.json"), "mine");

  options_.output_folder = (folder_ / "train.jsonl").string();
  status = TrainClassifier(options_, nullptr, nullptr, nullptr).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("is a file"));
}

// A run that was cut off before its first epoch, even while the tokenizer was made, goes on.
TEST_F(TrainTest, ARunThatHasOnlyBegunGoesOn) {
  options_.recipe.epochs = 1;
  bool cancelled = false;
  const auto status = TrainClassifier(
                          options_, [&](const TrainProgress&) { cancelled = true; }, nullptr,
                          [&] { return cancelled; })
                          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  std::ofstream(fs::path(options_.output_folder) / "spiece.model") << "half";
  options_.resume = true;
  const auto report = TrainClassifier(options_, nullptr, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->epochs.size(), 1);
}

TEST_F(TrainTest, AmongEqualAccuraciesTheLowerLogLossIsBetter) {
  // The same text under both labels: the accuracy is one half whatever the model says.
  std::ofstream dev(folder_ / "dev.jsonl");
  for (const char* label : {"garden", "harbour"}) {
    dev << R"({"text":"The rose is near the old anchor.","label":")" << label << "\"}\n";
  }
  dev.close();
  options_.recipe.epochs = 30;
  options_.recipe.patience = 3;
  const auto report = TrainClassifier(options_, nullptr, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  double lowest = 1e300;
  for (const EpochReport& epoch : report->epochs) {
    EXPECT_EQ(epoch.held_out_accuracy, 0.5);
    EXPECT_EQ(epoch.is_best, epoch.held_out_log_loss < lowest) << epoch.epoch;
    lowest = std::min(lowest, epoch.held_out_log_loss);
  }
  EXPECT_TRUE(report->stopped_early);
  EXPECT_EQ(static_cast<int32_t>(report->epochs.size()), report->best_epoch + 3);
}

TEST_F(TrainTest, FewDocumentsAreTold) {
  WriteDocuments(folder_ / "train.jsonl", 12, 1);
  options_.held_out_path.clear();
  options_.architecture.vocab_size = 5000;
  std::string warnings;
  const auto report = TrainClassifier(
      options_, [&](const TrainProgress& progress) { warnings += progress.warning + "\n"; },
      nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->num_held_out_documents, 1);
  EXPECT_THAT(warnings, AllOf(HasSubstr("not 5000"), HasSubstr("only 8 steps with 11 documents"),
                              HasSubstr("only 1 held-out document")));
  options_.compute_threads = 5000;
  EXPECT_THAT(std::string(TrainClassifier(options_, nullptr, nullptr, nullptr).status().message()),
              HasSubstr("compute_threads"));
}

TEST(HoldOutTest, EveryLabelGivesItsShareAndKeepsOne) {
  const auto hold_out = [](double share, const std::vector<int>& counts) {
    std::vector<LabelledTree> documents;
    for (size_t label = 0; label < counts.size(); ++label) {
      for (int i = 0; i < counts[label]; ++i) {
        auto tree = ReadDocument("Text.", DocumentFormat::kPlainText);
        documents.push_back({*std::move(tree), {std::string(1, static_cast<char>('a' + label))}});
      }
    }
    std::mt19937_64 random(1);
    auto held_out = HoldOut(
        share, random, [](const LabelledTree& document) { return document.labels.front(); },
        documents);
    std::string labels;
    if (!held_out.ok()) return std::string("refused");
    for (const LabelledTree& document : *held_out) labels += document.labels.front();
    EXPECT_EQ(LabelsOf(documents).size(), counts.size());
    return labels;
  };
  EXPECT_EQ(hold_out(0.1, {20, 10}), "aab");
  EXPECT_EQ(hold_out(0.5, {2, 2}), "ab");
  EXPECT_EQ(hold_out(0.1, {1, 1, 2}), "c");
  EXPECT_EQ(hold_out(0.99, {3, 1}), "aa");
  EXPECT_EQ(hold_out(0.1, {1, 1}), "refused");
  EXPECT_EQ(hold_out(0.2, {4, 3, 3}).size(), 2);
}

TEST_F(TrainTest, RefusalsSayWhere) {
  std::ofstream(folder_ / "bad.jsonl")
      << "{\"text\":\"One.\",\"label\":\"a\"}\n{\"text\":\"Two.\"}\n";
  options_.train_path = (folder_ / "bad.jsonl").string();
  auto status = TrainClassifier(options_, nullptr, nullptr, nullptr).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("bad.jsonl, line 2: no label"));
  EXPECT_FALSE(fs::exists(options_.output_folder)) << "a run that failed left its folder";
  std::ofstream(folder_ / "bad.jsonl")
      << "{\"text\":\"One.\",\"label\":7}\n{\"text\":\"  \",\"label\":8}\n";
  status = TrainClassifier(options_, nullptr, nullptr, nullptr).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("bad.jsonl, line 2: the document holds no"));
  options_.tokenizer_path = (folder_ / "nosuch").string();
  status = TrainClassifier(options_, nullptr, nullptr, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  options_.tokenizer_path = (folder_ / "train.jsonl").string();  // is none
  options_.train_path = (folder_ / "train.jsonl").string();
  EXPECT_FALSE(TrainClassifier(options_, nullptr, nullptr, nullptr).ok());
  EXPECT_FALSE(fs::exists(options_.output_folder)) << "a run that failed left its folder";
  options_.tokenizer_path.clear();
  options_.train_path = (folder_ / "absent.jsonl").string();
  EXPECT_EQ(TrainClassifier(options_, nullptr, nullptr, nullptr).status().code(),
            absl::StatusCode::kNotFound);
  options_.recipe.epochs = 0;
  EXPECT_THAT(std::string(TrainClassifier(options_, nullptr, nullptr, nullptr).status().message()),
              HasSubstr("epochs"));
}

}  // namespace
}  // namespace strata::models
