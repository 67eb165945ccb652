// The remote client against the real service over loopback, with a model without weights.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/grpc/server.h"
#include "services/runtime/runtime.h"
#include "services/runtime/testing/null_engine.h"
#include "strata/client.h"
#include "strata/error.h"

namespace strata {
namespace {

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override { Serve({}); }
  void Serve(const runtime::testing::NullEngineOptions& engine) {
    server_.reset();
    runtime_.reset();
    runtime::RuntimeOptions options;
    options.prepare_threads = 2;
    auto runtime = runtime::Runtime::CreateWithEngines(
        options, {{"null", runtime::testing::MakeNullEngine(engine)}});
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
    service::ServerOptions server;
    server.listen_address = "127.0.0.1:0";
    auto started = service::Server::Start(server, runtime_.get());
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  void TearDown() override {
    server_.reset();
    runtime_.reset();
  }
  Client Connect(const ClientOptions& options = {}) {
    return *Client::Connect(server_->address(), options);
  }

  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<service::Server> server_;
};

TEST_F(ServiceTest, AnswersAreTheSameInOneMessageAndInChunks) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "Sentence number " + std::to_string(i) + " stands here. ";
  ClientOptions chunked;
  chunked.chunk_bytes = 1024;
  ClientOptions whole;
  whole.chunk_bytes = 1 << 20;
  ClassifyOptions options;
  options.explain = true;
  const auto document = DocumentInput::FromBytes(text, DocumentFormat::kPlainText).set_id("a");
  const auto one = Connect(whole).Classify(document, options);
  const auto two = Connect(chunked).Classify(document, options);
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(one->labels[0].label, two->labels[0].label);
  EXPECT_EQ(one->labels[0].logit, two->labels[0].logit);
  EXPECT_EQ(one->tokens.num_tokens, two->tokens.num_tokens);
  EXPECT_EQ(one->sentences.size(), two->sentences.size());
  EXPECT_EQ(one->model, "null");
}

TEST_F(ServiceTest, EmbedInspectTokenizeAndModels) {
  const Client client = Connect();
  EmbedOptions options;
  options.levels = {EmbeddingLevel::kDocument, EmbeddingLevel::kSentence};
  const auto document =
      DocumentInput::FromBytes("# Title\n\nOne. Two words.\n", DocumentFormat::kMarkdown);
  const auto embedded = client.Embed(document, options);
  ASSERT_TRUE(embedded.ok()) << embedded.status();
  EXPECT_GE(embedded->embeddings.size(), 2);
  const auto structure = client.Inspect(document);
  ASSERT_TRUE(structure.ok()) << structure.status();
  EXPECT_EQ(structure->format, DocumentFormat::kMarkdown);
  bool found = false;
  for (const DocumentNode& node : structure->nodes) {
    found |= node.kind == NodeKind::kHeading && node.text == "Title";
  }
  EXPECT_TRUE(found);
  const auto models = client.ListModels();
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 1);
  EXPECT_EQ((*models)[0].name, "null");
}

TEST_F(ServiceTest, SentencesHaveTheirLabelsAndTheirBytes) {
  Serve({.label_level = models::NodeKind::kSentence});
  const std::string text = "# Title\n\nOne. Two words.\n";
  const Client client = Connect();
  const auto result = client.Classify(DocumentInput::FromBytes(text, DocumentFormat::kMarkdown));
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->labelled_nodes.size(), 2);
  const LabelledNode& second = result->labelled_nodes[1];
  EXPECT_EQ(second.kind, NodeKind::kSentence);
  EXPECT_EQ(second.text, "Two words.");
  EXPECT_EQ(text.substr(static_cast<std::size_t>(second.source.begin),
                        static_cast<std::size_t>(second.source.size())),
            second.text);
  ASSERT_EQ(second.labels.size(), 2);
  EXPECT_EQ(second.labels[0].label, "alpha");
  EXPECT_EQ(second.labels[0].probability, 0.75f);
  EXPECT_EQ(second.labels[1].logit, -1.5f);
  const auto models = client.ListModels();
  ASSERT_TRUE(models.ok()) << models.status();
  EXPECT_EQ((*models)[0].label_level, NodeKind::kSentence);
}

TEST_F(ServiceTest, SummariesAreToldWhileTheyAreWritten) {
  const Client client = Connect();
  const auto document =
      DocumentInput::FromBytes("One two three. Four.", DocumentFormat::kPlainText).set_id("a");
  std::string told;
  int parts = 0;
  const auto summary = client.Summarize(document, {}, [&](const std::string& part) {
    told += part;
    ++parts;
    return true;
  });
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->id, "a");
  EXPECT_EQ(summary->text, "One two three.");
  EXPECT_EQ(told, summary->text);
  EXPECT_GE(parts, 1);
  EXPECT_EQ(summary->method, SummaryMethod::kAbstractive);
  ASSERT_EQ(summary->sources.size(), 1);
  EXPECT_EQ(summary->sources[0].source.end, 14);

  const auto silent = client.Summarize(document);
  ASSERT_TRUE(silent.ok()) << silent.status();
  EXPECT_EQ(silent->text, summary->text);

  const auto stopped = client.Summarize(document, {}, [](const std::string&) { return false; });
  EXPECT_TRUE(absl::IsCancelled(stopped.status())) << stopped.status();

  SummarizeOptions options;
  options.model = "other";
  EXPECT_TRUE(absl::IsNotFound(client.Summarize(document, options).status()));
}

TEST_F(ServiceTest, RanksInAsManyCallsAsTheCandidatesNeed) {
  const Client client = Connect();
  const std::string same = "A text. Another.";
  // Three candidates of some 4 MB: more than one call carries.
  std::string large;
  while (large.size() < (std::size_t{4} << 20)) large += "Sentences of no importance. ";
  const std::vector<DocumentInput> candidates = {
      DocumentInput::FromBytes(large), DocumentInput::FromBytes(large),
      DocumentInput::FromBytes(same).set_id("same"), DocumentInput::FromFile("/no/such.txt"),
      DocumentInput::FromBytes(large)};
  MatchOptions options;
  options.truncation = Truncation::kKeepHead;
  options.max_tokens = 1000;
  options.block_pairs = 2;
  const auto document = DocumentInput::FromBytes(same).set_id("q");
  const auto ranking = client.Rank(document, candidates, options);
  ASSERT_TRUE(ranking.ok()) << ranking.status();
  EXPECT_EQ(ranking->model, "null");
  EXPECT_EQ(ranking->document.id, "q");
  ASSERT_EQ(ranking->results.size(), 5);
  EXPECT_EQ(ranking->results[0].index, 2);
  EXPECT_EQ(ranking->results[0].candidate.id, "same");
  EXPECT_NEAR(ranking->results[0].score, 1, 1e-5);
  EXPECT_FALSE(ranking->results[0].probability.has_value());
  EXPECT_EQ(ranking->results[0].pairs.size(), 2);
  EXPECT_EQ(ranking->results[0].candidate.blocks.size(), 2);
  EXPECT_EQ(ranking->results[1].score, ranking->results[3].score);
  EXPECT_EQ(ranking->results[4].index, 3);
  EXPECT_TRUE(absl::IsNotFound(ranking->results[4].status));
  options.top_k = 2;
  EXPECT_EQ(client.Rank(document, candidates, options)->results.size(), 2);
  EXPECT_TRUE(absl::IsInvalidArgument(client.Rank(document, {}).status()));
  EXPECT_NEAR(client.Match(document, candidates[2])->score, 1, 1e-5);
  EXPECT_EQ((*client.ListModels())[0].tasks.back(), "match");
}

TEST_F(ServiceTest, WhatFitsIntoNoMessageSaysWhatToDo) {
  const auto summary =
      Connect().Summarize(DocumentInput::FromBytes(std::string(std::size_t{17} << 20, 'x')));
  EXPECT_TRUE(absl::IsResourceExhausted(summary.status())) << summary.status();
  EXPECT_NE(summary.status().message().find("--max-message-bytes"), std::string::npos)
      << summary.status();
}

TEST_F(ServiceTest, ErrorsKeepTheirReason) {
  const Client client = Connect();
  ClassifyOptions options;
  options.model = "other";
  const auto unknown = client.Classify(DocumentInput::FromBytes("x"), options);
  EXPECT_TRUE(absl::IsNotFound(unknown.status())) << unknown.status();
  EXPECT_EQ(ErrorReason(unknown.status()), "MODEL_NOT_FOUND");
  EXPECT_TRUE(absl::IsInvalidArgument(
      client.Classify(DocumentInput::FromBytes(std::string("a\0\xff", 3))).status()));
}

TEST_F(ServiceTest, ManyAreAnsweredOnceEach) {
  constexpr int kDocuments = 500;
  std::atomic<int> sent = 0;
  std::map<std::string, absl::StatusCode> answers;
  auto stream = Connect().ClassifyMany(
      [&]() -> std::optional<DocumentInput> {
        if (sent == kDocuments) return std::nullopt;
        const int i = sent++;
        return DocumentInput::FromBytes(i % 50 == 7 ? std::string("\xff")
                                                    : std::string(i * 20 + 1, 'x'))
            .set_id(std::to_string(i));
      },
      [&](const std::string& id, absl::StatusOr<ClassifyResult> result) {
        EXPECT_EQ(answers.count(id), 0) << id;
        answers[id] = result.status().code();
      });
  EXPECT_TRUE(stream->Wait().ok());
  ASSERT_EQ(answers.size(), kDocuments);
  for (const auto& [id, code] : answers) {
    EXPECT_EQ(code,
              std::stoi(id) % 50 == 7 ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kOk)
        << id;
  }
}

}  // namespace
}  // namespace strata
