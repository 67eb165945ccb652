// The remote connection against a service written here, over loopback.
#include "sdk/remote/grpc_connection.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "strata/client.h"
#include "strata/error.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

google::rpc::Status QueueFull() {
  google::rpc::Status status;
  status.set_code(static_cast<int>(grpc::StatusCode::RESOURCE_EXHAUSTED));
  status.set_message("queue full");
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(5'000'000);
  status.add_details()->PackFrom(retry);
  google::rpc::ErrorInfo info;
  info.set_reason("QUEUE_FULL");
  status.add_details()->PackFrom(info);
  return status;
}

grpc::Status AsCallStatus(const google::rpc::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), status.message(),
          status.SerializeAsString()};
}

// Labels a document with its size in bytes. Fails as often as it is told.
class FakeService final : public v1::StrataService::Service {
 public:
  grpc::Status Classify(grpc::ServerContext* context, const v1::ClassifyRequest* request,
                        v1::ClassifyResponse* response) override {
    ++calls;
    {
      std::lock_guard<std::mutex> lock(mutex);
      for (const auto& [key, value] : context->client_metadata()) {
        metadata[{key.data(), key.size()}] = {value.data(), value.size()};
      }
      last_classify = *request;
    }
    if (hang) {
      while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return grpc::Status::CANCELLED;
    }
    if (failures > 0) {
      --failures;
      return AsCallStatus(QueueFull());
    }
    response->set_id(request->document().id());
    Answer(request->document().content(), *response->mutable_result());
    return grpc::Status::OK;
  }

  grpc::Status ClassifyStream(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::ClassifyStreamResponse, v1::ClassifyStreamRequest>* stream)
      override {
    ++calls;
    struct Open {
      v1::ClassifyStreamHeader header;
      std::string bytes;
    };
    std::map<std::string, Open> open;
    v1::ClassifyStreamRequest request;
    while (stream->Read(&request)) {
      if (request.has_header()) {
        EXPECT_LE(request.header().document().id().size(), 256);
        open[request.header().document().id()].header = request.header();
        continue;
      }
      if (request.has_cancel()) {
        ++cancels;
        continue;
      }
      ++chunks;
      Open& document = open[request.chunk().id()];
      document.bytes += request.chunk().data();
      if (!request.chunk().last()) continue;
      if (breaks > 0) {
        --breaks;
        return {grpc::StatusCode::UNAVAILABLE, "restarting"};
      }
      v1::ClassifyStreamResponse response;
      response.set_id(request.chunk().id());
      const std::int64_t declared = document.header.document().declared_size_bytes();
      if (declared != 0) {
        EXPECT_EQ(declared, document.bytes.size());
      }
      if (document.bytes == "silent") continue;
      if (document.bytes == "bad") {
        response.mutable_error()->set_code(static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT));
        response.mutable_error()->set_message("not a document");
      } else if (failures > 0) {
        --failures;
        *response.mutable_error() = QueueFull();
      } else {
        Answer(document.bytes, *response.mutable_result());
      }
      open.erase(request.chunk().id());
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status EmbedStream(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::EmbedStreamResponse, v1::EmbedStreamRequest>* stream) override {
    v1::EmbedStreamRequest request;
    while (stream->Read(&request)) {
      if (!request.has_chunk() || !request.chunk().last()) continue;
      for (int part = 0; part < 3; ++part) {
        v1::EmbedStreamResponse response;
        response.set_id(request.chunk().id());
        response.set_more(part < 2);
        v1::Embedding& embedding = *response.mutable_result()->add_embeddings();
        embedding.set_level(v1::EMBEDDING_LEVEL_SENTENCE);
        embedding.set_node(part);
        embedding.add_values(static_cast<float>(part));
        if (part == 2) response.mutable_result()->set_model("fake");
        stream->Write(response);
      }
    }
    return grpc::Status::OK;
  }

  grpc::Status ListModels(grpc::ServerContext*, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override {
    response->add_models()->set_name(request->page_token().empty() ? "first" : "second");
    if (request->page_token().empty()) response->set_next_page_token("2");
    return grpc::Status::OK;
  }

  static void Answer(const std::string& bytes, v1::ClassifyResult& result) {
    v1::LabelScore& label = *result.add_labels();
    label.set_label(std::to_string(bytes.size()));
    label.set_probability(0.5f);
    result.mutable_tokens()->set_num_tokens(7);
    result.mutable_timings()->mutable_total()->set_nanos(1'000'000);
    result.set_model("fake");
  }

  std::atomic<int> calls = 0, chunks = 0, cancels = 0, failures = 0, breaks = 0;
  std::atomic<bool> hang = false;
  std::mutex mutex;
  std::map<std::string, std::string> metadata;
  v1::ClassifyRequest last_classify;
};

class GrpcConnectionTest : public testing::Test {
 protected:
  void SetUp() override { StartServer("127.0.0.1:0"); }
  void TearDown() override { StopServer(); }

  void StartServer(const std::string& address) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void StopServer() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  Client Connect(const ClientOptions& options = {}) const {
    return *Client::Connect(address(), options);
  }

  // Sends `documents` through ClassifyMany; label or error by id.
  std::map<std::string, std::string> Many(const std::vector<DocumentInput>& documents,
                                          const ClassifyManyOptions& options = {}) {
    std::size_t next = 0;
    std::map<std::string, std::string> answers;
    auto stream = Connect().ClassifyMany(
        [&]() -> std::optional<DocumentInput> {
          if (next == documents.size()) return std::nullopt;
          return documents[next++];
        },
        [&](const std::string& id, absl::StatusOr<ClassifyResult> result) {
          EXPECT_EQ(answers.count(id), 0) << id;
          answers[id] = result.ok() ? result->labels[0].label : result.status().ToString();
        },
        options);
    EXPECT_TRUE(stream->Wait().ok());
    return answers;
  }

  FakeService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(GrpcConnectionTest, SmallDocumentsGoInOneMessage) {
  ClientOptions options;
  options.user_agent = "test/1";
  options.metadata = {{"x-tenant", "blue"}};
  ClassifyOptions classify;
  classify.top_k = 3;
  classify.explain = true;
  classify.max_tokens = 99;
  classify.truncation = Truncation::kKeepHead;
  const auto result = Connect(options).Classify(
      DocumentInput::FromBytes("hello", DocumentFormat::kHtml).set_id("a").set_file_name("\xff.md"),
      classify);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->id, "a");
  EXPECT_EQ(result->model, "fake");
  EXPECT_EQ(result->labels[0].label, "5");
  EXPECT_EQ(result->tokens.num_tokens, 7);
  EXPECT_EQ(result->timings.total, absl::Milliseconds(1));
  std::lock_guard<std::mutex> lock(service_.mutex);
  EXPECT_EQ(service_.metadata["x-tenant"], "blue");
  EXPECT_EQ(service_.metadata["user-agent"].rfind("test/1 strata-cpp/", 0), 0)
      << service_.metadata["user-agent"];
  EXPECT_EQ(service_.last_classify.document().format(), v1::DOCUMENT_FORMAT_HTML);
  EXPECT_EQ(service_.last_classify.document().file_name(), "?.md");
  EXPECT_EQ(service_.last_classify.options().top_k(), 3);
  EXPECT_TRUE(service_.last_classify.options().explain());
  EXPECT_EQ(service_.last_classify.options().prepare().max_tokens(), 99);
  EXPECT_EQ(service_.last_classify.options().prepare().truncation(), v1::TRUNCATION_KEEP_HEAD);
}

TEST_F(GrpcConnectionTest, LargeDocumentsGoInChunksAndAreRetried) {
  service_.failures = 2;
  ClientOptions options;
  options.chunk_bytes = 1024;
  const auto result = Connect(options).Classify(DocumentInput::FromBytes(std::string(10'000, 'x')));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->labels[0].label, "10000");
  EXPECT_EQ(service_.calls, 3);
  EXPECT_EQ(service_.chunks, 30);
}

TEST_F(GrpcConnectionTest, AStreamOfUnknownSizeIsReplayedOnRetry) {
  service_.breaks = 1;
  const auto result = Connect().Classify(
      DocumentInput::FromStream(std::make_shared<std::istringstream>(std::string(300'000, 'y'))));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->labels[0].label, "300000");
  EXPECT_EQ(service_.calls, 2);
}

TEST_F(GrpcConnectionTest, AnEmptyDocumentIsSent) {
  const auto result =
      Connect().Classify(DocumentInput::FromStream(std::make_shared<std::istringstream>("")));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->labels[0].label, "0");
}

TEST_F(GrpcConnectionTest, ReadErrorsOfADocumentAreTheCallersOwn) {
  const auto result = Connect().Classify(
      DocumentInput::FromCallback([n = 0]() mutable -> absl::StatusOr<std::string> {
        if (n++ < 3) return std::string(300'000, 'z');
        return absl::DataLossError("disk gone");
      }));
  EXPECT_EQ(result.status(), absl::DataLossError("disk gone"));
  EXPECT_TRUE(
      absl::IsNotFound(Connect().Classify(DocumentInput::FromFile("/no/such/file.txt")).status()));
}

TEST_F(GrpcConnectionTest, RetryInfoIsObeyedAndDetailsAreKept) {
  service_.failures = 1000;
  ClientOptions options;
  options.retry.max_attempts = 3;
  options.retry.initial_backoff = absl::Milliseconds(1);
  const auto result = Connect(options).Classify(DocumentInput::FromBytes("x"));
  EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
  EXPECT_EQ(ErrorReason(result.status()), "QUEUE_FULL");
  EXPECT_EQ(RetryDelay(result.status()), absl::Milliseconds(5));
  EXPECT_EQ(service_.calls, 3);
}

TEST_F(GrpcConnectionTest, TheDeadlineEndsACall) {
  service_.hang = true;
  ClassifyOptions options;
  options.timeout = absl::Milliseconds(100);
  const absl::Time start = absl::Now();
  const auto result = Connect().Classify(DocumentInput::FromBytes("x"), options);
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

TEST_F(GrpcConnectionTest, ADeadServiceIsUnavailableSoon) {
  StopServer();
  const absl::Time start = absl::Now();
  const auto result = Connect().Classify(DocumentInput::FromBytes("x"));
  EXPECT_TRUE(absl::IsUnavailable(result.status())) << result.status();
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

TEST_F(GrpcConnectionTest, EmbeddingsArePutTogether) {
  const auto result = Connect().Embed(DocumentInput::FromBytes("x").set_id("e"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->id, "e");
  EXPECT_EQ(result->model, "fake");
  ASSERT_EQ(result->embeddings.size(), 3);
  EXPECT_EQ(result->embeddings[2].values, std::vector<float>{2.0f});
}

TEST_F(GrpcConnectionTest, AllPagesOfModels) {
  const auto models = Connect().ListModels();
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 2);
  EXPECT_EQ((*models)[1].name, "second");
}

TEST_F(GrpcConnectionTest, ManyThroughOneStreamWithErrorsInPlace) {
  std::vector<DocumentInput> documents;
  for (int i = 0; i < 200; ++i) {
    documents.push_back(
        DocumentInput::FromBytes(std::string(i * 37 + 10, 'x')).set_id(std::to_string(i)));
  }
  documents.push_back(DocumentInput::FromBytes("bad").set_id("bad \xff id"));
  documents.push_back(DocumentInput::FromFile("/no/such/file.txt"));
  const auto answers = Many(documents);
  ASSERT_EQ(answers.size(), 202);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(answers.at(std::to_string(i)), std::to_string(i * 37 + 10));
  }
  EXPECT_EQ(answers.at("bad \xff id"), "INVALID_ARGUMENT: not a document");
  EXPECT_EQ(answers.at("/no/such/file.txt").rfind("NOT_FOUND", 0), 0);
  EXPECT_EQ(service_.calls, 1);
}

TEST_F(GrpcConnectionTest, ManySurviveBrokenStreamsAndAFullQueue) {
  service_.breaks = 3;
  service_.failures = 20;
  std::vector<DocumentInput> documents;
  for (int i = 0; i < 100; ++i) {
    documents.push_back(
        DocumentInput::FromBytes(std::string(i + 1, 'x')).set_id(std::to_string(i)));
  }
  ClassifyManyOptions options;
  options.retry.initial_backoff = absl::Milliseconds(1);
  const auto answers = Many(documents, options);
  ASSERT_EQ(answers.size(), 100);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(answers.at(std::to_string(i)), std::to_string(i + 1));
  }
  EXPECT_EQ(service_.calls, 4);
}

TEST_F(GrpcConnectionTest, ManyOutliveARestartOfTheService) {
  std::atomic<int> answered = 0;
  int sent = 0;
  ClassifyManyOptions options;
  options.max_in_flight = 4;
  options.document_timeout = absl::Seconds(60);  // a failure, not a test without end
  auto stream = Connect().ClassifyMany(
      [&]() -> std::optional<DocumentInput> {
        if (sent == 400) return std::nullopt;
        return DocumentInput::FromBytes("x").set_id(std::to_string(sent++));
      },
      [&](const std::string& id, absl::StatusOr<ClassifyResult> result) {
        EXPECT_TRUE(result.ok()) << id << ": " << result.status();
        ++answered;
      },
      options);
  while (answered < 20) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::string same_address = address();
  StopServer();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ASSERT_NO_FATAL_FAILURE(StartServer(same_address));
  EXPECT_TRUE(stream->Wait().ok());
  EXPECT_EQ(answered, 400);
}

TEST_F(GrpcConnectionTest, ManyTellTheServiceWhatIsGivenUp) {
  ClassifyManyOptions options;
  options.max_in_flight = 1;
  options.document_timeout = absl::Milliseconds(200);
  const auto answers = Many({DocumentInput::FromBytes("silent").set_id("a"),
                             DocumentInput::FromBytes("four").set_id("b")},
                            options);
  EXPECT_EQ(answers.at("a").rfind("DEADLINE_EXCEEDED", 0), 0) << answers.at("a");
  EXPECT_EQ(answers.at("b"), "4");
  EXPECT_EQ(service_.cancels, 1);
}

TEST_F(GrpcConnectionTest, DestructionCancelsARunningStream) {
  std::set<std::string> ids;
  {
    int sent = 0;
    auto stream = Connect().ClassifyMany(
        [&]() -> std::optional<DocumentInput> {
          return DocumentInput::FromBytes("silent").set_id(std::to_string(sent++));
        },
        [&](const std::string& id, absl::StatusOr<ClassifyResult> result) {
          EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
          ids.insert(id);
        });
    while (service_.chunks < 5) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GE(ids.size(), 5);
}

TEST(ConnectTest, EndpointsThatCannotBeAreRefused) {
  const auto error = [](const std::string& endpoint) {
    const auto client = Client::Connect(endpoint);
    EXPECT_EQ(client.ok(), !absl::IsInvalidArgument(client.status()));
    return std::string(client.status().message());
  };
  EXPECT_THAT(error("localhost"), HasSubstr("has no port; give HOST:PORT"));
  EXPECT_THAT(error("http://localhost:50051"), HasSubstr("without http://"));
  EXPECT_THAT(error("https://localhost"), HasSubstr("without https://"));
  EXPECT_THAT(error(":50051"), HasSubstr("has no host"));
  EXPECT_THAT(error("localhost:0"), HasSubstr("no port from 1 to 65535"));
  EXPECT_THAT(error("localhost:99999"), HasSubstr("no port from 1 to 65535"));
  EXPECT_THAT(error("localhost:grpc"), HasSubstr("no port from 1 to 65535"));
  EXPECT_THAT(error("::1:50051"), HasSubstr("brackets"));
  EXPECT_THAT(error("[::1]"), HasSubstr("has no port"));
  for (const char* good : {"localhost:50051", "10.0.0.1:1", "[::1]:50051", "dns:///host:50051",
                           "unix:/tmp/strata.sock"}) {
    EXPECT_EQ(error(good), "") << good;
  }
}

TEST(ConnectTest, AServiceThatIsNotThereIsNamed) {
  ClientOptions options;
  options.retry.max_attempts = 2;
  options.retry.initial_backoff = absl::Milliseconds(1);
  const auto client = Client::Connect("127.0.0.1:1", options);
  ASSERT_TRUE(client.ok());
  const auto result = client->Classify(DocumentInput::FromBytes("x").set_id("x.txt"));
  EXPECT_TRUE(absl::IsUnavailable(result.status()));
  EXPECT_EQ(std::string(result.status().message()),
            "x.txt: nothing answers at 127.0.0.1:1; is `strata serve` running there? (after 2 "
            "attempts; no attempt left)");
  const auto told = client->Summarize(DocumentInput::FromBytes("x"), {},
                                      [](const std::string& /*part*/) { return true; });
  EXPECT_THAT(std::string(told.status().message()), HasSubstr("nothing answers at 127.0.0.1:1"));
  ClassifyOptions hurried;
  hurried.timeout = absl::Nanoseconds(1);
  // A connection of its own: one that has failed is known to be no use without any wait.
  const auto fresh = Client::Connect("127.0.0.1:1", options);
  ASSERT_TRUE(fresh.ok());
  EXPECT_THAT(
      std::string(fresh->Classify(DocumentInput::FromBytes("x"), hurried).status().message()),
      HasSubstr("127.0.0.1:1 did not answer in time"));
}

TEST(ConnectTest, WrongOptionsAreNamed) {
  EXPECT_TRUE(absl::IsInvalidArgument(Client::Connect("").status()));
  ClientOptions options;
  options.metadata = {{"Upper", "x"}};
  EXPECT_TRUE(absl::IsInvalidArgument(Client::Connect("localhost:1", options).status()));
  options.metadata.clear();
  options.tls.emplace().client_key = "key";
  EXPECT_TRUE(absl::IsInvalidArgument(Client::Connect("localhost:1", options).status()));
}

}  // namespace
}  // namespace strata
