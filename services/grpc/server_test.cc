// The unary methods, health, reflection and limits, over loopback with the null engine.
#include "services/grpc/server.h"

#include <atomic>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/grpc/testing/test_server.h"

namespace strata::service {
namespace {

using testing::DetailsOf;
using ::testing::HasSubstr;
using testing::RawStream;
using testing::TestServer;

v1::ClassifyRequest MakeRequest(const std::string& text) {
  v1::ClassifyRequest request;
  request.mutable_document()->set_id("doc");
  request.mutable_document()->set_content(text);
  request.mutable_document()->set_format(v1::DOCUMENT_FORMAT_PLAIN_TEXT);
  return request;
}

grpc::Status Classify(v1::StrataService::Stub& stub, const v1::ClassifyRequest& request,
                      v1::ClassifyResponse* response) {
  grpc::ClientContext context;
  return stub.Classify(&context, request, response);
}

TEST(ServerTest, ClassifyAnswers) {
  TestServer server;
  const auto stub = server.NewStub();
  v1::ClassifyRequest request = MakeRequest("One two three. Four five.");
  request.mutable_options()->set_top_k(2);
  request.mutable_options()->set_explain(true);
  v1::ClassifyResponse response;
  const grpc::Status status = Classify(*stub, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.id(), "doc");
  const v1::ClassifyResult& result = response.result();
  EXPECT_EQ(result.model(), "first");
  ASSERT_EQ(result.labels_size(), 2);
  EXPECT_GE(result.labels(0).probability(), result.labels(1).probability());
  ASSERT_EQ(result.sentences_size(), 2);
  EXPECT_THAT(result.sentences(0).text(), HasSubstr("One two three."));
  EXPECT_EQ(result.sentences(1).source().begin(), 15);
  EXPECT_EQ(result.tokens().num_words_kept(), 5);
  EXPECT_GT(result.timings().total().seconds() * 1'000'000'000 + result.timings().total().nanos(),
            0);
}

TEST(ServerTest, EmbedAnswersAtEachLevel) {
  TestServer server;
  const auto stub = server.NewStub();
  v1::EmbedRequest request;
  request.set_model("second");
  request.mutable_document()->set_content("One two three. Four five.");
  request.mutable_document()->set_file_name("a.txt");
  request.mutable_options()->add_levels(v1::EMBEDDING_LEVEL_TOKEN);
  request.mutable_options()->add_levels(v1::EMBEDDING_LEVEL_DOCUMENT);
  request.mutable_options()->set_normalize(true);
  v1::EmbedResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub->Embed(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.result().embeddings_size(), 6);
  EXPECT_EQ(response.result().embeddings(0).level(), v1::EMBEDDING_LEVEL_TOKEN);
  EXPECT_EQ(response.result().embeddings(5).level(), v1::EMBEDDING_LEVEL_DOCUMENT);
  EXPECT_EQ(response.result().model(), "second");
  for (const v1::Embedding& embedding : response.result().embeddings()) {
    ASSERT_EQ(embedding.values_size(), 8);
    float squares = 0;
    for (const float value : embedding.values()) squares += value * value;
    EXPECT_NEAR(squares, 1, 1e-5);
  }
}

TEST(ServerTest, TokenizeGivesIdsOffsetsAndPieces) {
  TestServer server;
  const auto stub = server.NewStub();
  v1::TokenizeRequest request;
  request.set_text("one  two");
  request.set_include_pieces(true);
  v1::TokenizeResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->Tokenize(&context, request, &response).ok());
  ASSERT_EQ(response.token_ids_size(), 2);
  EXPECT_EQ(response.offsets(1).begin(), 5);
  EXPECT_EQ(response.offsets(1).end(), 8);
  EXPECT_EQ(response.pieces(0), absl::StrCat("piece", response.token_ids(0)));
  EXPECT_EQ(response.model(), "first");

  request.set_model("none");
  grpc::ClientContext second;
  EXPECT_EQ(stub->Tokenize(&second, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(ServerTest, InspectGivesTheTree) {
  TestServer server;
  const auto stub = server.NewStub();
  v1::InspectDocumentRequest request;
  request.mutable_document()->set_id("x");
  request.mutable_document()->set_content("# Title\n\nOne sentence. Another.\n");
  request.mutable_document()->set_file_name("a.md");
  request.set_include_text(true);
  v1::InspectDocumentResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub->InspectDocument(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.id(), "x");
  EXPECT_EQ(response.format(), v1::DOCUMENT_FORMAT_MARKDOWN);
  ASSERT_GT(response.tree().nodes_size(), 3);
  EXPECT_EQ(response.tree().nodes(0).kind(), v1::NODE_KIND_DOCUMENT);
  EXPECT_EQ(response.tree().nodes(0).parent(), -1);
  EXPECT_THAT(response.tree().text(), HasSubstr("One sentence."));
}

TEST(ServerTest, ModelsAreListedInPagesAndFound) {
  TestServer server;
  const auto stub = server.NewStub();
  v1::ListModelsRequest request;
  request.set_page_size(1);
  v1::ListModelsResponse page;
  grpc::ClientContext first;
  ASSERT_TRUE(stub->ListModels(&first, request, &page).ok());
  ASSERT_EQ(page.models_size(), 1);
  EXPECT_EQ(page.models(0).name(), "first");
  EXPECT_EQ(page.models(0).labels_size(), 3);
  EXPECT_EQ(page.models(0).hidden_size(), 8);
  request.set_page_token(page.next_page_token());
  grpc::ClientContext second;
  ASSERT_TRUE(stub->ListModels(&second, request, &page).ok());
  EXPECT_EQ(page.models(0).name(), "second");
  EXPECT_EQ(page.next_page_token(), "");
  request.set_page_token("junk");
  grpc::ClientContext third;
  const grpc::Status bad_token = stub->ListModels(&third, request, &page);
  EXPECT_EQ(bad_token.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(bad_token).bad_request.field_violations(0).field(), "page_token");

  v1::GetModelRequest get;
  v1::GetModelResponse got;
  grpc::ClientContext fourth;
  ASSERT_TRUE(stub->GetModel(&fourth, get, &got).ok());
  EXPECT_EQ(got.model().name(), "first");
  get.set_name("none");
  grpc::ClientContext fifth;
  EXPECT_EQ(stub->GetModel(&fifth, get, &got).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(ServerTest, ErrorsCarryReasonAndField) {
  TestServer server;
  const auto stub = server.NewStub();
  v1::ClassifyResponse response;

  v1::ClassifyRequest request = MakeRequest("text");
  request.set_model("none");
  grpc::Status status = Classify(*stub, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("first, second"));
  EXPECT_EQ(DetailsOf(status).info.reason(), "MODEL_NOT_FOUND");
  EXPECT_EQ(DetailsOf(status).info.domain(), "strata");
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "model");

  status = Classify(*stub, MakeRequest("not utf-8: \xff\xfe"), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).info.reason(), "INVALID_DOCUMENT");
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "document");

  request = MakeRequest("text");
  request.mutable_options()->set_top_k(-1);
  status = Classify(*stub, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "options.top_k");

  status = Classify(*stub, v1::ClassifyRequest(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "document");

  request = MakeRequest("text");
  request.mutable_document()->set_format(static_cast<v1::DocumentFormat>(99));
  status = Classify(*stub, request, &response);
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "document.format");

  request = MakeRequest("text");
  request.mutable_document()->set_id(std::string(300, 'x'));
  status = Classify(*stub, request, &response);
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "document.id");

  // Names are not counted as documents are.
  request = MakeRequest("text");
  request.mutable_document()->set_file_name(std::string(5000, 'x') + ".md");
  status = Classify(*stub, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "document.file_name");
  request = MakeRequest("text");
  request.set_model(std::string(5000, 'x'));
  status = Classify(*stub, request, &response);
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "model");
  v1::MatchRequest match;
  match.mutable_document()->set_content("text");
  match.add_candidates()->set_file_name(std::string(5000, 'x'));
  v1::MatchResponse matched;
  grpc::ClientContext match_context;
  status = stub->Match(&match_context, match, &matched);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "candidates[0]");

  v1::EmbedRequest embed;
  embed.mutable_document()->set_content("text");
  embed.mutable_options()->add_levels(v1::EMBEDDING_LEVEL_TOKEN);
  embed.mutable_options()->add_levels(v1::EMBEDDING_LEVEL_UNSPECIFIED);
  v1::EmbedResponse embedded;
  grpc::ClientContext context;
  status = stub->Embed(&context, embed, &embedded);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "options.levels[1]");
}

TEST(ServerTest, EmptyDocumentIsAnswered) {
  TestServer server;
  v1::ClassifyResponse response;
  const grpc::Status status = Classify(*server.NewStub(), MakeRequest(""), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.result().tokens().num_words_seen(), 0);
}

TEST(ServerTest, MessageOverTheLimitIsRefusedAndTheServerLives) {
  ServerOptions options;
  options.max_message_bytes = 1 << 20;
  TestServer server({}, {}, options);
  const auto stub = server.NewStub();
  v1::ClassifyResponse response;
  EXPECT_EQ(Classify(*stub, MakeRequest(std::string(2 << 20, 'x')), &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Classify(*stub, MakeRequest("short"), &response).ok());
}

TEST(ServerTest, AnswerOverTheLimitSaysWhatToDo) {
  ServerOptions options;
  options.max_message_bytes = 100'000;
  std::atomic<int> num_passes{0};
  runtime::testing::NullEngineOptions engine;
  engine.on_run = [&](auto) { ++num_passes; };
  TestServer server(engine, {}, options);
  const auto stub = server.NewStub();
  v1::EmbedRequest request;
  std::string text;
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&text, "w", i, " ");
  request.mutable_document()->set_content(text);
  request.mutable_options()->add_levels(v1::EMBEDDING_LEVEL_TOKEN);
  v1::EmbedResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub->Embed(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("EmbedStream"));
  EXPECT_EQ(DetailsOf(status).info.reason(), "RESPONSE_TOO_LARGE");
  EXPECT_EQ(num_passes, 0);  // its vectors alone are too many: nothing is computed in vain
}

TEST(ServerTest, FullQueueTellsWhenToRetry) {
  std::atomic<bool> open{false};
  runtime::testing::NullEngineOptions engine;
  engine.on_run = [&](auto) {
    while (!open) absl::SleepFor(absl::Milliseconds(1));
  };
  runtime::RuntimeOptions runtime_options;
  runtime_options.limits.max_queued_requests = 1;
  TestServer server(engine, runtime_options);
  const auto stub = server.NewStub();
  std::thread first([&] {
    v1::ClassifyResponse response;
    EXPECT_TRUE(Classify(*stub, MakeRequest("first"), &response).ok());
  });
  while (server.runtime().HasRoom()) absl::SleepFor(absl::Milliseconds(1));
  v1::ClassifyResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub->Classify(&context, MakeRequest("second"), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailsOf(status).info.reason(), "QUEUE_FULL");
  EXPECT_GT(DetailsOf(status).retry_info.retry_delay().nanos(), 0);
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
  open = true;
  first.join();
}

TEST(ServerTest, CancelAndDeadlineStopTheWork) {
  runtime::testing::NullEngineOptions engine;
  engine.num_layers = 3000;
  engine.layer_time = absl::Milliseconds(10);  // 30 s if nobody stopped it
  TestServer server(engine);
  const auto stub = server.NewStub();
  const absl::Time begin = absl::Now();
  {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Milliseconds(100)));
    v1::ClassifyResponse response;
    EXPECT_EQ(stub->Classify(&context, MakeRequest("text"), &response).error_code(),
              grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  {
    grpc::ClientContext context;
    std::thread canceller([&] {
      absl::SleepFor(absl::Milliseconds(100));
      context.TryCancel();
    });
    v1::ClassifyResponse response;
    EXPECT_EQ(stub->Classify(&context, MakeRequest("text"), &response).error_code(),
              grpc::StatusCode::CANCELLED);
    canceller.join();
  }
  server.server().Drain(absl::ZeroDuration(), absl::Seconds(20));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
}

// grpc.health.v1: request field 1 is the service's name, response field 1 its state.
std::string HealthRequest(const std::string& service) {
  return absl::StrCat("\n", std::string(1, static_cast<char>(service.size())), service);
}
const std::string kServing = "\x08\x01";
const std::string kNotServing = "\x08\x02";

TEST(ServerTest, HealthKnowsServerServiceAndModels) {
  TestServer server;
  const auto channel = server.NewChannel();
  for (const char* name : {"", "strata.v1.StrataService", "models/first", "models/second"}) {
    RawStream check(channel, "/grpc.health.v1.Health/Check");
    ASSERT_TRUE(check.Write(HealthRequest(name)));
    EXPECT_EQ(check.Read(), kServing) << name;
  }
  RawStream unknown(channel, "/grpc.health.v1.Health/Check");
  ASSERT_TRUE(unknown.Write(HealthRequest("models/none")));
  EXPECT_EQ(unknown.Read(), std::nullopt);
}

TEST(ServerTest, HealthFollowsAModelThatIsUnloaded) {
  TestServer server;
  const auto channel = server.NewChannel();
  RawStream watch(channel, "/grpc.health.v1.Health/Watch");
  ASSERT_TRUE(watch.Write(HealthRequest("models/second")));
  ASSERT_EQ(watch.Read(), kServing);
  ASSERT_TRUE(server.runtime().models().Unload("second").ok());
  EXPECT_EQ(watch.Read(), kNotServing);
  RawStream other(channel, "/grpc.health.v1.Health/Check");
  ASSERT_TRUE(other.Write(HealthRequest("models/first")));
  EXPECT_EQ(other.Read(), kServing);
  v1::ClassifyRequest request = MakeRequest("text");
  request.set_model("second");
  v1::ClassifyResponse response;
  const grpc::Status status = Classify(*server.NewStub(), request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(DetailsOf(status).info.reason(), "MODEL_NOT_LOADED");
}

TEST(ServerTest, HealthWatchSeesTheDrainBeforeServiceEnds) {
  TestServer server;
  const auto channel = server.NewChannel();
  RawStream watch(channel, "/grpc.health.v1.Health/Watch");
  ASSERT_TRUE(watch.Write(HealthRequest("models/first")));
  ASSERT_EQ(watch.Read(), kServing);
  std::thread drainer([&] { server.server().Drain(absl::Milliseconds(500), absl::Seconds(5)); });
  EXPECT_EQ(watch.Read(), kNotServing);
  // In the grace everything still works.
  v1::ClassifyResponse response;
  EXPECT_TRUE(Classify(*server.NewStub(), MakeRequest("text"), &response).ok());
  drainer.join();
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(2)));
  EXPECT_EQ(server.NewStub()->Classify(&context, MakeRequest("text"), &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST(ServerTest, ReflectionListsAndDescribesTheService) {
  TestServer server;
  const auto channel = server.NewChannel();
  RawStream reflection(channel, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
  ASSERT_TRUE(reflection.Write("\x3a\x01*"));  // list_services
  const auto services = reflection.Read();
  ASSERT_TRUE(services.has_value());
  EXPECT_THAT(*services, HasSubstr("strata.v1.StrataService"));
  const std::string symbol = "google.rpc.Status";
  ASSERT_TRUE(reflection.Write(
      absl::StrCat("\x22", std::string(1, static_cast<char>(symbol.size())), symbol)));
  const auto file = reflection.Read();
  ASSERT_TRUE(file.has_value());
  EXPECT_THAT(*file, HasSubstr("google/rpc/status.proto"));
}

TEST(ServerTest, BrokenMessageDoesNoHarm) {
  TestServer server;
  const auto channel = server.NewChannel();
  {
    RawStream broken(channel, "/strata.v1.StrataService/Classify");
    broken.Write("\xff\xff\xff\xff");
    EXPECT_EQ(broken.Read(), std::nullopt);
  }
  {
    RawStream broken(channel, "/strata.v1.StrataService/ClassifyStream");
    broken.Write("\xff\xff\xff\xff");
    EXPECT_EQ(broken.Read(), std::nullopt);
  }
  v1::ClassifyResponse response;
  EXPECT_TRUE(Classify(*server.NewStub(), MakeRequest("text"), &response).ok());
}

TEST(ServerTest, PortInUseIsAnError) {
  TestServer server;
  ServerOptions options;
  options.listen_address = server.server().address();
  const auto second = Server::Start(options, &server.runtime());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(second.status().message().find(": Address already in use"), absl::string_view::npos)
      << second.status();
}

}  // namespace
}  // namespace strata::service
