// The streaming methods over loopback with the null engine: chunks, order, bounds, errors, drain,
// and many clients at once.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/grpc/testing/test_server.h"

namespace strata::service {
namespace {

using testing::DetailsOf;
using ::testing::HasSubstr;
using testing::TestServer;

// The client's side of one ClassifyStream.
class Stream {
 public:
  explicit Stream(const TestServer& server)
      : stub_(server.NewStub()), stream_(stub_->ClassifyStream(&context)) {}

  bool Open(const std::string& id, int64_t declared_size = 0, const std::string& model = "") {
    v1::ClassifyStreamRequest request;
    v1::ClassifyStreamHeader* header = request.mutable_header();
    header->mutable_document()->set_id(id);
    header->mutable_document()->set_format(v1::DOCUMENT_FORMAT_PLAIN_TEXT);
    header->mutable_document()->set_declared_size_bytes(declared_size);
    header->set_model(model);
    header->mutable_options()->set_explain(explain);
    return stream_->Write(request);
  }
  bool Chunk(const std::string& id, const std::string& data, bool last = false) {
    v1::ClassifyStreamRequest request;
    request.mutable_chunk()->set_id(id);
    request.mutable_chunk()->set_data(data);
    request.mutable_chunk()->set_last(last);
    return stream_->Write(request);
  }
  bool Send(const std::string& id, const std::string& text) {
    return Open(id) && Chunk(id, text, true);
  }
  bool Cancel(const std::string& id) {
    v1::ClassifyStreamRequest request;
    request.mutable_cancel()->set_id(id);
    return stream_->Write(request);
  }
  bool SendNothing() { return stream_->Write(v1::ClassifyStreamRequest()); }
  void HalfClose() { stream_->WritesDone(); }
  bool Read(v1::ClassifyStreamResponse* response) { return stream_->Read(response); }
  // The next answer; an empty id at the end.
  v1::ClassifyStreamResponse Next() {
    v1::ClassifyStreamResponse response;
    stream_->Read(&response);
    return response;
  }
  // All answers to the end, by id; a second one for an id is a failure.
  std::map<std::string, v1::ClassifyStreamResponse> ReadAll() {
    std::map<std::string, v1::ClassifyStreamResponse> answers;
    v1::ClassifyStreamResponse response;
    while (stream_->Read(&response)) {
      EXPECT_TRUE(answers.emplace(response.id(), response).second) << response.id();
    }
    return answers;
  }
  grpc::Status Finish() { return stream_->Finish(); }

  grpc::ClientContext context;
  bool explain = false;

 private:
  std::unique_ptr<v1::StrataService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ClassifyStreamRequest, v1::ClassifyStreamResponse>>
      stream_;
};

std::string Words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, "word", i, " ");
  return text;
}

TEST(StreamTest, ChunksOfSeveralDocumentsAlternate) {
  TestServer server;
  const std::string texts[] = {"Größe über alles. Noch ein Satz.", "Second text here.",
                               "日本語の文。もう一つの文。"};
  // Sent whole, for comparison.
  std::map<std::string, float> expected;
  {
    Stream whole(server);
    for (int i = 0; i < 3; ++i) whole.Send(absl::StrCat(i), texts[i]);
    whole.HalfClose();
    for (const auto& [id, answer] : whole.ReadAll()) {
      expected[id] = answer.result().labels(0).logit();
    }
    EXPECT_TRUE(whole.Finish().ok());
  }
  Stream stream(server);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stream.Open(absl::StrCat(i)));
  for (size_t at = 0; at < 64; at += 3) {  // 3 bytes at a time: characters are cut
    for (int i = 0; i < 3; ++i) {
      if (at >= texts[i].size()) continue;
      ASSERT_TRUE(stream.Chunk(absl::StrCat(i), texts[i].substr(at, 3)));
    }
  }
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stream.Chunk(absl::StrCat(i), "", true));
  stream.HalfClose();
  const auto answers = stream.ReadAll();
  EXPECT_TRUE(stream.Finish().ok());
  ASSERT_EQ(answers.size(), 3u);
  for (const auto& [id, answer] : answers) {
    ASSERT_TRUE(answer.has_result()) << answer.error().message();
    EXPECT_EQ(answer.result().labels(0).logit(), expected[id]) << id;
  }
}

TEST(StreamTest, AnswersComeAsDocumentsAreDone) {
  TestServer server;
  Stream stream(server);
  ASSERT_TRUE(stream.Open("slow"));
  ASSERT_TRUE(stream.Chunk("slow", "The beginning "));
  ASSERT_TRUE(stream.Send("quick", "All at once."));
  EXPECT_EQ(stream.Next().id(), "quick");
  ASSERT_TRUE(stream.Chunk("slow", "and the end.", true));
  EXPECT_EQ(stream.Next().id(), "slow");
  // The id is free again.
  ASSERT_TRUE(stream.Send("quick", "Once more."));
  EXPECT_EQ(stream.Next().id(), "quick");
  stream.HalfClose();
  EXPECT_EQ(stream.Next().id(), "");
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(StreamTest, ErrorsOfOneDocumentStayInItsAnswer) {
  runtime::RuntimeOptions runtime_options;
  runtime_options.limits.max_document_bytes = 1000;
  TestServer server({}, runtime_options);
  Stream stream(server);
  stream.Send("bad", "not utf-8 \xff");
  stream.Open("model", 0, "none");
  stream.Chunk("model", "ignored", true);
  stream.Open("declared", 2000);
  stream.Open("grown");
  stream.Chunk("grown", std::string(600, 'x'));
  stream.Chunk("grown", std::string(600, 'x'));
  stream.Chunk("grown", "ignored", true);
  stream.Open("short", 10);
  stream.Chunk("short", "12345", true);
  stream.Send("failing", "fail-this");
  stream.Open("open");
  stream.Chunk("unknown", "ignored", true);
  stream.Send("good", "A sentence.");
  stream.HalfClose();
  auto answers = stream.ReadAll();
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(answers.size(), 8u);
  EXPECT_TRUE(answers["good"].has_result());
  const auto expect = [&](const char* id, grpc::StatusCode code, const char* reason) {
    EXPECT_EQ(answers[id].error().code(), static_cast<int>(code)) << id;
    EXPECT_EQ(DetailsOf(answers[id].error()).info.reason(), reason) << id;
  };
  expect("bad", grpc::StatusCode::INVALID_ARGUMENT, "INVALID_DOCUMENT");
  expect("model", grpc::StatusCode::NOT_FOUND, "MODEL_NOT_FOUND");
  expect("declared", grpc::StatusCode::RESOURCE_EXHAUSTED, "DOCUMENT_TOO_LARGE");
  expect("grown", grpc::StatusCode::RESOURCE_EXHAUSTED, "DOCUMENT_TOO_LARGE");
  expect("short", grpc::StatusCode::INVALID_ARGUMENT, "INVALID_STREAM");
  expect("failing", grpc::StatusCode::INTERNAL, "INTERNAL");
  expect("open", grpc::StatusCode::INVALID_ARGUMENT, "INVALID_STREAM");
}

TEST(StreamTest, MessagesThatMakeNoSenseEndTheStream) {
  TestServer server;
  {
    Stream stream(server);
    stream.SendNothing();
    EXPECT_EQ(stream.Next().id(), "");
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  {
    Stream stream(server);
    stream.Open("");
    EXPECT_EQ(stream.Next().id(), "");
    const grpc::Status status = stream.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "header.document.id");
  }
  {
    Stream stream(server);
    stream.Open(std::string(257, 'x'));  // no answer is to hold it
    EXPECT_EQ(stream.Next().id(), "");
    const grpc::Status status = stream.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(DetailsOf(status).bad_request.field_violations(0).field(), "header.document.id");
  }
  {
    Stream stream(server);
    stream.Open("twice");
    stream.Open("twice");
    EXPECT_EQ(stream.Next().id(), "");
    EXPECT_THAT(stream.Finish().error_message(), HasSubstr("in flight"));
  }
}

TEST(StreamTest, DocumentsAreCancelledOneByOne) {
  runtime::testing::NullEngineOptions engine;
  engine.num_layers = 3000;
  engine.layer_time = absl::Milliseconds(10);
  TestServer server(engine);
  Stream stream(server);
  stream.Send("running", "text");
  stream.Open("open");
  absl::SleepFor(absl::Milliseconds(100));
  stream.Cancel("open");
  EXPECT_EQ(stream.Next().id(), "open");
  stream.Cancel("running");
  stream.Cancel("unknown");
  const v1::ClassifyStreamResponse answer = stream.Next();
  EXPECT_EQ(answer.id(), "running");
  EXPECT_EQ(answer.error().code(), static_cast<int>(grpc::StatusCode::CANCELLED));
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(StreamTest, CancelOfTheStreamFreesEverything) {
  runtime::testing::NullEngineOptions engine;
  engine.num_layers = 3000;
  engine.layer_time = absl::Milliseconds(10);
  runtime::RuntimeOptions runtime_options;
  runtime_options.limits.max_queued_requests = 3;
  TestServer server(engine, runtime_options);
  const absl::Time begin = absl::Now();
  {
    Stream stream(server);
    stream.Send("a", "text");
    stream.Send("b", "text");
    stream.Open("c");
    while (server.runtime().HasRoom()) absl::SleepFor(absl::Milliseconds(1));
    stream.context.TryCancel();
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  while (!server.runtime().HasRoom()) absl::SleepFor(absl::Milliseconds(1));
  server.server().Drain(absl::ZeroDuration(), absl::Seconds(20));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
}

TEST(StreamTest, ClientThatDoesNotReadIsNotReadFrom) {
  constexpr int kDocuments = 300;
  std::atomic<int> num_run{0};
  runtime::testing::NullEngineOptions engine;
  engine.on_run = [&](absl::Span<const models::WorkItem> batch) {
    num_run += static_cast<int>(batch.size());
  };
  ServerOptions options;
  options.stream.max_documents = 4;
  TestServer server(engine, {}, options);
  Stream stream(server);
  stream.explain = true;  // the answer repeats the text
  std::string text;
  for (int i = 0; i < 4000; ++i) absl::StrAppend(&text, "Sentence number ", i, " is here. ");
  std::thread writer([&] {
    for (int i = 0; i < kDocuments; ++i) EXPECT_TRUE(stream.Send(absl::StrCat(i), text));
    stream.HalfClose();
  });
  int before = -1;
  while (before != num_run || before == 0) {  // until nothing moves any more
    before = num_run;
    absl::SleepFor(absl::Milliseconds(700));
  }
  EXPECT_LT(num_run, kDocuments);
  EXPECT_EQ(stream.ReadAll().size(), static_cast<size_t>(kDocuments));
  writer.join();
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(num_run, kDocuments);
}

TEST(StreamTest, OpenDocumentsAreBounded) {
  ServerOptions options;
  options.stream.max_documents = 2;
  TestServer server({}, {}, options);
  Stream stream(server);
  stream.Open("a");
  stream.Open("b");
  stream.Open("c");  // nothing is on its way out: reading goes on, and this one is refused
  v1::ClassifyStreamResponse refused = stream.Next();
  EXPECT_EQ(refused.id(), "c");
  EXPECT_EQ(DetailsOf(refused.error()).info.reason(), "STREAM_FULL");
  stream.Chunk("a", "text", true);
  stream.Chunk("b", "text", true);
  stream.HalfClose();
  EXPECT_EQ(stream.ReadAll().size(), 2u);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(StreamTest, UploadsThatFillTheServerAreRefusedNotStuck) {
  runtime::RuntimeOptions runtime_options;
  runtime_options.limits.max_document_bytes = 1000;
  runtime_options.limits.max_queued_bytes = 1000;
  TestServer server({}, runtime_options);
  Stream first(server), second(server);
  first.Open("a");
  first.Chunk("a", std::string(600, 'x'));
  // Make sure that the first has been read: an answer on the same stream comes after it.
  first.Open("probe", 2000);
  EXPECT_EQ(first.Next().id(), "probe");
  second.Open("b");
  second.Chunk("b", std::string(600, 'x'));
  const v1::ClassifyStreamResponse refused = second.Next();
  EXPECT_EQ(refused.id(), "b");
  EXPECT_EQ(DetailsOf(refused.error()).info.reason(), "QUEUE_FULL");
  EXPECT_GT(DetailsOf(refused.error()).retry_info.retry_delay().nanos(), 0);
  first.Chunk("a", "", true);
  EXPECT_TRUE(first.Next().has_result());
  second.Send("b", std::string(600, 'x'));
  EXPECT_TRUE(second.Next().has_result());
  for (Stream* stream : {&first, &second}) {
    stream->HalfClose();
    EXPECT_TRUE(stream->Finish().ok());
  }
}

TEST(StreamTest, UploadThatStandsStillIsGivenUp) {
  ServerOptions options;
  options.stream.idle_timeout = absl::Milliseconds(200);
  TestServer server({}, {}, options);
  Stream stream(server);
  stream.Open("a");
  const v1::ClassifyStreamResponse answer = stream.Next();
  EXPECT_EQ(answer.error().code(), static_cast<int>(grpc::StatusCode::DEADLINE_EXCEEDED));
  EXPECT_EQ(DetailsOf(answer.error()).info.reason(), "UPLOAD_IDLE");
  stream.Send("b", "The stream itself lives.");
  EXPECT_TRUE(stream.Next().has_result());
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(StreamTest, ThePauseOfTheServerIsNotTheUploads) {
  std::atomic<bool> first{true};
  runtime::testing::NullEngineOptions engine;
  engine.on_run = [&](auto) {
    if (first.exchange(false)) absl::SleepFor(absl::Seconds(2));
  };
  ServerOptions options;
  options.stream.idle_timeout = absl::Seconds(1);
  options.stream.max_documents = 2;
  TestServer server(engine, {}, options);
  Stream stream(server);
  stream.Open("a");
  stream.Send("slow", "The stream is full until this has its answer.");
  EXPECT_EQ(stream.Next().id(), "slow");
  absl::SleepFor(absl::Milliseconds(400));  // the housekeeper has looked
  stream.Chunk("a", "Here is the rest.", true);
  const v1::ClassifyStreamResponse answer = stream.Next();
  EXPECT_TRUE(answer.has_result()) << answer.error().message();
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
}

// A sound that waits for its next chunk brings no room: what stands in front of that chunk is read.
TEST(StreamTest, ASoundThatWaitsDoesNotStopTheReading) {
  runtime::testing::NullEngineOptions engine;
  engine.input = models::InputKind::kSound;
  ServerOptions options;
  options.stream.max_bytes = 1000;
  TestServer server(engine, {}, options);
  std::string wav(
      "RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0", 36);
  wav += std::string("data\0\0\1\0", 8);
  Stream stream(server);
  stream.context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  stream.Open("heard");
  stream.Chunk("heard", wav + std::string(100, '\0'));
  stream.Open("whole");
  stream.Chunk("whole", "fLaC" + std::string(1500, 'x'));
  stream.Chunk("heard", std::string(100, '\0'), true);
  EXPECT_EQ(stream.Next().id(), "heard");
  stream.Chunk("whole", "", true);
  EXPECT_EQ(stream.Next().id(), "whole");
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(StreamTest, ManyVectorsComeInParts) {
  TestServer server;
  const auto stub = server.NewStub();
  constexpr int kTokens = 60'000;  // about 4 MB of vectors
  grpc::ClientContext context;
  auto stream = stub->EmbedStream(&context);
  v1::EmbedStreamRequest request;
  request.mutable_header()->mutable_document()->set_id("a");
  request.mutable_header()->mutable_document()->set_format(v1::DOCUMENT_FORMAT_PLAIN_TEXT);
  request.mutable_header()->mutable_options()->add_levels(v1::EMBEDDING_LEVEL_TOKEN);
  ASSERT_TRUE(stream->Write(request));
  request.mutable_chunk()->set_id("a");
  request.mutable_chunk()->set_data(Words(kTokens));
  request.mutable_chunk()->set_last(true);
  ASSERT_TRUE(stream->Write(request));
  stream->WritesDone();
  int num_parts = 0;
  int num_embeddings = 0;
  int64_t last_begin = -1;
  bool more = true;
  v1::EmbedStreamResponse response;
  while (stream->Read(&response)) {
    EXPECT_TRUE(more);
    EXPECT_EQ(response.id(), "a");
    EXPECT_LT(response.ByteSizeLong(), 3u << 20);
    ++num_parts;
    num_embeddings += response.result().embeddings_size();
    for (const v1::Embedding& embedding : response.result().embeddings()) {
      EXPECT_GT(embedding.source().begin(), last_begin);
      last_begin = embedding.source().begin();
    }
    more = response.more();
    EXPECT_EQ(response.result().has_tokens(), !more);
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_FALSE(more);
  EXPECT_GT(num_parts, 1);
  EXPECT_EQ(num_embeddings, kTokens);
}

TEST(StreamTest, PartsFitIntoTheMessageLimit) {
  ServerOptions options;
  options.max_message_bytes = 50'000;
  TestServer server({}, {}, options);
  const auto stub = server.NewStub();
  grpc::ClientContext context;
  auto stream = stub->EmbedStream(&context);
  v1::EmbedStreamRequest request;
  request.mutable_header()->mutable_document()->set_id("a");
  request.mutable_header()->mutable_options()->add_levels(v1::EMBEDDING_LEVEL_TOKEN);
  stream->Write(request);
  request.mutable_chunk()->set_id("a");
  request.mutable_chunk()->set_data(Words(3000));
  request.mutable_chunk()->set_last(true);
  stream->Write(request);
  stream->WritesDone();
  int num_embeddings = 0;
  v1::EmbedStreamResponse response;
  while (stream->Read(&response)) {
    EXPECT_LE(response.ByteSizeLong(), 50'000u);
    EXPECT_FALSE(response.has_error()) << response.error().message();
    num_embeddings += response.result().embeddings_size();
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(num_embeddings, 3000);
}

TEST(StreamTest, DrainAnswersEveryAcceptedDocument) {
  constexpr int kDocuments = 40;
  runtime::testing::NullEngineOptions engine;
  engine.layer_time = absl::Milliseconds(5);
  runtime::RuntimeOptions runtime_options;
  runtime_options.limits.max_batch_documents = 4;
  TestServer server(engine, runtime_options);
  Stream stream(server);
  ASSERT_TRUE(stream.Open("half"));
  for (int i = 1; i < kDocuments; ++i) ASSERT_TRUE(stream.Send(absl::StrCat(i), "text"));
  // This one is refused by its header: once that is known, all before it have been read.
  ASSERT_TRUE(stream.Open("probe", int64_t{1} << 40));
  std::map<std::string, v1::ClassifyStreamResponse> answers;
  while (answers.count("probe") == 0) {
    const v1::ClassifyStreamResponse answer = stream.Next();
    ASSERT_NE(answer.id(), "");
    answers.emplace(answer.id(), answer);
  }
  answers.erase("probe");
  ASSERT_LT(answers.size(), static_cast<size_t>(kDocuments - 1)) << "all done before the drain";
  std::thread drainer([&] { server.server().Drain(absl::ZeroDuration(), absl::Seconds(20)); });
  for (const auto& [id, answer] : stream.ReadAll()) {
    EXPECT_TRUE(answers.emplace(id, answer).second) << id;
  }
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  drainer.join();
  ASSERT_EQ(answers.size(), static_cast<size_t>(kDocuments));
  EXPECT_EQ(DetailsOf(answers["half"].error()).info.reason(), "DRAINING");
  answers.erase("half");
  for (const auto& [id, answer] : answers) EXPECT_TRUE(answer.has_result()) << id;
}

// Clients of every kind for some seconds: whole streams, unary calls, cancels, deadlines, clients
// that vanish. Nothing may hang, get lost, be answered twice or end as a bug of the server.
TEST(StreamTest, Storm) {
  constexpr int kClients = 6;
  runtime::testing::NullEngineOptions engine;
  engine.layer_time = absl::Microseconds(50);
  runtime::RuntimeOptions runtime_options;
  runtime_options.limits.max_queued_requests = 64;
  runtime_options.limits.max_queued_bytes = 1 << 20;
  runtime_options.limits.max_document_bytes = 1 << 20;
  ServerOptions options;
  options.stream.max_documents = 8;
  TestServer server(engine, runtime_options, options);
  const absl::Time end = absl::Now() + absl::Seconds(3);
  std::mutex mu;
  std::map<int, int> codes;
  std::atomic<int> num_answers{0};
  const auto count = [&](int code) {
    std::lock_guard<std::mutex> lock(mu);
    ++codes[code];
    ++num_answers;
  };
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      std::mt19937 random(static_cast<unsigned>(c));
      while (absl::Now() < end) {
        if (random() % 2 == 0) {
          const auto stub = server.NewStub();
          for (int i = 0; i < 20; ++i) {
            v1::ClassifyRequest request;
            request.mutable_document()->set_content(Words(static_cast<int>(random() % 200)));
            if (random() % 8 == 0) request.mutable_document()->set_content("\xff");
            grpc::ClientContext context;
            if (random() % 4 == 0) {
              context.set_deadline(
                  absl::ToChronoTime(absl::Now() + absl::Microseconds(random() % 3000)));
            }
            v1::ClassifyResponse response;
            count(stub->Classify(&context, request, &response).error_code());
          }
          continue;
        }
        Stream stream(server);
        const bool vanish = random() % 4 == 0;
        const int num_documents = static_cast<int>(random() % 40);
        std::thread writer([&, seed = random()] {
          std::mt19937 choice(static_cast<unsigned>(seed));
          for (int i = 0; i < num_documents; ++i) {
            const std::string id = absl::StrCat(i);
            if (!stream.Open(id)) return;
            for (int k = 0; k < 3; ++k) {
              if (!stream.Chunk(id, Words(static_cast<int>(choice() % 100)), k == 2)) return;
            }
            if (choice() % 5 == 0 && !stream.Cancel(id)) return;
          }
          if (vanish) {
            stream.context.TryCancel();
          } else {
            stream.HalfClose();
          }
        });
        const auto answers = stream.ReadAll();
        writer.join();
        const grpc::Status status = stream.Finish();
        if (!vanish) {
          EXPECT_TRUE(status.ok()) << status.error_message();
          EXPECT_EQ(answers.size(), static_cast<size_t>(num_documents));
        }
        for (const auto& [id, answer] : answers) count(answer.error().code());
      }
    });
  }
  for (std::thread& client : clients) client.join();
  const absl::Time drain_begin = absl::Now();
  server.server().Drain(absl::ZeroDuration(), absl::Seconds(10));
  EXPECT_LT(absl::Now() - drain_begin, absl::Seconds(5));
  EXPECT_GT(num_answers, 100);
  EXPECT_GT(codes[static_cast<int>(grpc::StatusCode::OK)], 0);
  EXPECT_GT(codes[static_cast<int>(grpc::StatusCode::CANCELLED)], 0);
  EXPECT_EQ(codes[static_cast<int>(grpc::StatusCode::INTERNAL)], 0);
  EXPECT_EQ(codes[static_cast<int>(grpc::StatusCode::UNKNOWN)], 0);
  EXPECT_EQ(codes[static_cast<int>(grpc::StatusCode::UNAVAILABLE)], 0);
}

}  // namespace
}  // namespace strata::service
