// The embedded connection over the real runtime and a model without weights.
#include "sdk/embedded/engine_connection.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "services/runtime/testing/null_engine.h"
#include "strata/client.h"
#include "strata/error.h"
#include "strata/eval.h"
#include "strata/local.h"

namespace strata {
namespace {

Client MakeClient(runtime::testing::NullEngineOptions engine = {},
                  runtime::RuntimeOptions options = {}) {
  options.prepare_threads = 2;
  auto runtime = runtime::Runtime::CreateWithEngines(
      options, {{"null", runtime::testing::MakeNullEngine(std::move(engine))}});
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return Client(internal::MakeEngineConnection(*std::move(runtime)));
}

constexpr char kText[] = "# Title\n\nFirst sentence here. Second one.\n\n## Part\n\nA third.\n";

TEST(EngineConnectionTest, Classifies) {
  ClassifyOptions options;
  options.explain = true;
  const auto result = MakeClient().Classify(
      DocumentInput::FromBytes(kText, DocumentFormat::kMarkdown).set_id("a"), options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->id, "a");
  EXPECT_EQ(result->model, "null");
  ASSERT_FALSE(result->labels.empty());
  EXPECT_GT(result->tokens.num_words_seen, 0);
  EXPECT_GT(result->timings.total, absl::ZeroDuration());
}

// A file of labelled sentences against a model that labels by length.
TEST(EngineConnectionTest, LabelsOfSentencesAreScored) {
  const Client client = MakeClient({.label_level = models::NodeKind::kSentence});
  const std::string path = testing::TempDir() + "/sdk_eval_test.jsonl";
  const auto evaluate = [&](const std::string& lines) {
    std::ofstream(path) << lines;
    return Evaluate(client, path);
  };
  const auto report =
      evaluate(R"({"title":"T","sentences":["Even","Odd","Five5"],"labels":["alpha","beta",null]})"
               "\n"
               R"({"sentences":["Even","Three"],"labels":["beta","beta"]})");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->score.num_documents, 2);
  EXPECT_EQ(report->score.num_labels, 4);
  EXPECT_DOUBLE_EQ(report->score.accuracy, 0.75);
  EXPECT_EQ(report->score.confusion[1][0], 1);
  EXPECT_LE(report->score.accuracy_interval.low, 0.5);
  EXPECT_GE(report->score.accuracy_interval.high, 1);
  EXPECT_NE(evaluate(R"({"sentences":["A","B"],"labels":["alpha"]})")
                .status()
                .message()
                .find("line 1: \"labels\" has 1 entries, the document 2 sentences"),
            absl::string_view::npos);
  EXPECT_NE(
      evaluate(R"({"sentences":["A"],"labels":["delta"]})").status().message().find("'delta'"),
      absl::string_view::npos);
}

TEST(EngineConnectionTest, SummariesAreScored) {
  const std::string path = testing::TempDir() + "/sdk_rouge_test.jsonl";
  std::ofstream(path) << R"({"text":"The cat sat. A dog ran.","summary":["The cat sat."]})"
                      << "\n"
                      << R"({"text":"One."})"
                      << "\n"
                      << R"({"text":"The birds flew. A dog ran.","summary":"A dog"})";
  const auto report = EvaluateSummaries(MakeClient(), path);  // gives the first sentence
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->num_documents, 2);
  EXPECT_EQ(report->num_skipped, 1);
  EXPECT_DOUBLE_EQ(report->score.rouge1.f1, 0.5);
  EXPECT_DOUBLE_EQ(report->score.rouge2.recall, 0.5);
  EXPECT_DOUBLE_EQ(report->mean_words, 3);
  EXPECT_DOUBLE_EQ(report->lead.rouge1.recall, 1) << "of a written summary, three sentences";
  std::ofstream(path) << R"({"text":"One."})";
  EXPECT_FALSE(EvaluateSummaries(MakeClient(), path).ok());
}

TEST(EngineConnectionTest, Embeds) {
  EmbedOptions options;
  options.levels = {EmbeddingLevel::kDocument, EmbeddingLevel::kSentence};
  const auto result =
      MakeClient().Embed(DocumentInput::FromBytes(kText, DocumentFormat::kMarkdown), options);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_GE(result->embeddings.size(), 2);
  EXPECT_EQ(result->embeddings[0].level, EmbeddingLevel::kDocument);
  EXPECT_EQ(result->embeddings[0].values.size(), 8);
  EXPECT_EQ(result->embeddings[1].level, EmbeddingLevel::kSentence);
}

TEST(EngineConnectionTest, SummariesAreToldWhileTheyAreWritten) {
  const Client client = MakeClient();
  const auto document = DocumentInput::FromBytes(kText, DocumentFormat::kMarkdown).set_id("a");
  std::vector<std::string> parts;
  const auto summary = client.Summarize(document, {}, [&](const std::string& part) {
    parts.push_back(part);
    return true;
  });
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->id, "a");
  EXPECT_EQ(summary->text, "First sentence here.");
  EXPECT_EQ(parts, (std::vector<std::string>{"First", " sentence", " here."}));
  ASSERT_EQ(summary->sources.size(), 1);
  EXPECT_EQ(std::string(kText).substr(static_cast<std::size_t>(summary->sources[0].source.begin),
                                      static_cast<std::size_t>(summary->sources[0].source.size())),
            summary->text);
  const auto silent = client.Summarize(document);
  ASSERT_TRUE(silent.ok()) << silent.status();
  EXPECT_EQ(silent->text, summary->text);
}

TEST(EngineConnectionTest, ASummaryIsStoppedFromItsCallback) {
  runtime::testing::NullEngineOptions engine;
  engine.word_time = absl::Milliseconds(5);
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "word ";
  int parts = 0;
  const auto summary = MakeClient(engine).Summarize(
      DocumentInput::FromBytes(text + "end.", DocumentFormat::kPlainText), {},
      [&](const std::string&) { return ++parts < 3; });
  EXPECT_TRUE(absl::IsCancelled(summary.status())) << summary.status();
  EXPECT_EQ(parts, 3);
}

TEST(EngineConnectionTest, RanksAndKeepsWhatCannotBeRead) {
  const Client client = MakeClient();
  const auto document = DocumentInput::FromBytes("A text. Another.").set_id("q");
  const std::vector<DocumentInput> candidates = {
      DocumentInput::FromFile("/no/such.txt"), DocumentInput::FromBytes("Something else."),
      DocumentInput::FromBytes("A text. Another.").set_id("same"),
      DocumentInput::FromBytes(std::string("\0\xff", 2))};
  MatchOptions options;
  options.block_pairs = 1;
  const auto ranking = client.Rank(document, candidates, options);
  ASSERT_TRUE(ranking.ok()) << ranking.status();
  EXPECT_EQ(ranking->model, "null");
  EXPECT_EQ(ranking->document.id, "q");
  EXPECT_EQ(ranking->document.blocks.size(), 2);
  ASSERT_EQ(ranking->results.size(), 4);
  EXPECT_EQ(ranking->results[0].index, 2);
  EXPECT_EQ(ranking->results[0].candidate.id, "same");
  EXPECT_NEAR(ranking->results[0].score, 1, 1e-5);
  EXPECT_EQ(ranking->results[0].pairs.size(), 1);
  EXPECT_EQ(ranking->results[1].index, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(ranking->results[2].status));
  EXPECT_EQ(ranking->results[3].index, 0);
  EXPECT_TRUE(absl::IsNotFound(ranking->results[3].status));

  const auto match = client.Match(document, candidates[2]);
  ASSERT_TRUE(match.ok()) << match.status();
  EXPECT_NEAR(match->score, 1, 1e-5);
  EXPECT_TRUE(absl::IsNotFound(client.Match(document, candidates[0]).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(client.Rank(document, {}).status()));
}

TEST(EngineConnectionTest, ErrorsKeepTheirReason) {
  const Client client = MakeClient();
  ClassifyOptions options;
  options.model = "other";
  const auto unknown = client.Classify(DocumentInput::FromBytes("x"), options);
  EXPECT_TRUE(absl::IsNotFound(unknown.status())) << unknown.status();
  EXPECT_EQ(ErrorReason(unknown.status()), "MODEL_NOT_FOUND");
  const auto binary = client.Classify(DocumentInput::FromBytes(std::string("a\0b\xff", 4)));
  EXPECT_TRUE(absl::IsInvalidArgument(binary.status())) << binary.status();
  EXPECT_TRUE(absl::IsNotFound(client.Classify(DocumentInput::FromFile("/no/such.txt")).status()));
}

TEST(EngineConnectionTest, ADeadlineEndsACall) {
  runtime::testing::NullEngineOptions engine;
  engine.layer_time = absl::Milliseconds(100);
  ClassifyOptions options;
  options.timeout = absl::Milliseconds(20);
  const auto result = MakeClient(engine).Classify(DocumentInput::FromBytes("slow"), options);
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
}

TEST(EngineConnectionTest, ManyWithErrorsInPlace) {
  const Client client = MakeClient();
  int sent = 0;
  std::map<std::string, absl::StatusCode> answers;
  auto stream = client.ClassifyMany(
      [&]() -> std::optional<DocumentInput> {
        if (sent == 300) return std::nullopt;
        const int i = sent++;
        return DocumentInput::FromBytes(
                   i % 10 == 3 ? std::string("\xff") : "words " + std::to_string(i),
                   DocumentFormat::kPlainText)
            .set_id(std::to_string(i));
      },
      [&](const std::string& id, absl::StatusOr<ClassifyResult> result) {
        EXPECT_EQ(answers.count(id), 0);
        answers[id] = result.status().code();
      });
  EXPECT_TRUE(stream->Wait().ok());
  ASSERT_EQ(answers.size(), 300);
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(answers[std::to_string(i)],
              i % 10 == 3 ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kOk);
  }
}

TEST(EngineConnectionTest, AFullQueueOnlySlowsAStreamDown) {
  runtime::RuntimeOptions options;
  options.limits.max_queued_requests = 2;
  const Client client = MakeClient({}, options);
  int sent = 0;
  int answered = 0;
  ClassifyManyOptions many;
  many.retry.max_attempts = 1000;
  auto stream = client.ClassifyMany(
      [&]() -> std::optional<DocumentInput> {
        if (sent == 50) return std::nullopt;
        return DocumentInput::FromBytes("x").set_id(std::to_string(sent++));
      },
      [&](const std::string&, absl::StatusOr<ClassifyResult> result) {
        EXPECT_TRUE(result.ok()) << result.status();
        ++answered;
      },
      many);
  EXPECT_TRUE(stream->Wait().ok());
  EXPECT_EQ(answered, 50);
}

TEST(EngineConnectionTest, DestructionCancelsWhatRuns) {
  runtime::testing::NullEngineOptions engine;
  engine.layer_time = absl::Milliseconds(20);
  const Client client = MakeClient(engine);
  std::atomic<int> sent = 0;
  int answered = 0;
  {
    auto stream = client.ClassifyMany(
        [&]() -> std::optional<DocumentInput> {
          return DocumentInput::FromBytes("x").set_id(std::to_string(sent++));
        },
        [&](const std::string&, absl::StatusOr<ClassifyResult>) { ++answered; });
    while (sent < 20) std::this_thread::yield();
  }
  EXPECT_EQ(answered, sent);
  // The runtime is free again.
  EXPECT_TRUE(client.Classify(DocumentInput::FromBytes("y")).ok());
}

TEST(EngineConnectionTest, ModelsTokensAndStructure) {
  const Client client = MakeClient();
  const auto models = client.ListModels();
  ASSERT_TRUE(models.ok());
  ASSERT_EQ(models->size(), 1);
  EXPECT_EQ((*models)[0].name, "null");
  const auto structure = client.Inspect(DocumentInput::FromBytes(kText, DocumentFormat::kMarkdown));
  ASSERT_TRUE(structure.ok()) << structure.status();
  EXPECT_EQ(structure->format, DocumentFormat::kMarkdown);
  EXPECT_EQ(structure->nodes[0].kind, NodeKind::kDocument);
  EXPECT_EQ(structure->nodes[0].parent, -1);
  bool found = false;
  for (const DocumentNode& node : structure->nodes) {
    if (node.kind != NodeKind::kHeading || node.text != "Part") continue;
    found = true;
    EXPECT_NE(std::string(kText).substr(node.source.begin, node.source.size()).find("Part"),
              std::string::npos);
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace strata
