// What a network does to a server: connections that say nothing, that fall silent with a document
// under way, that are reset in the middle of one, and far too many streams. After each the server
// answers others, holds nothing of the lost ones and ends in time.
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "services/grpc/testing/faulty_wire.h"
#include "services/grpc/testing/test_server.h"

namespace strata::service {
namespace {

using testing::FaultyWire;
using testing::TestServer;

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// One stream through `channel` with a document that is open and one that was sent whole.
class Upload {
 public:
  explicit Upload(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::StrataService::NewStub(channel)), stream_(stub_->ClassifyStream(&context_)) {}

  bool Begin() {
    return Open("half") && Chunk("half", "The first words of", false) && Open("whole") &&
           Chunk("whole", "A document that was sent whole.", true);
  }
  // The answer of the whole one: all that was sent has been read by then.
  bool ReadAnswer() {
    v1::ClassifyStreamResponse response;
    return stream_->Read(&response) && response.id() == "whole";
  }
  grpc::Status Finish() {
    v1::ClassifyStreamResponse response;
    while (stream_->Read(&response)) {
    }
    return stream_->Finish();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  bool Open(const std::string& id) {
    v1::ClassifyStreamRequest request;
    request.mutable_header()->mutable_document()->set_id(id);
    request.mutable_header()->mutable_document()->set_format(v1::DOCUMENT_FORMAT_PLAIN_TEXT);
    return stream_->Write(request);
  }
  bool Chunk(const std::string& id, const std::string& data, bool last) {
    v1::ClassifyStreamRequest request;
    request.mutable_chunk()->set_id(id);
    request.mutable_chunk()->set_data(data);
    request.mutable_chunk()->set_last(last);
    return stream_->Write(request);
  }

  grpc::ClientContext context_;
  std::unique_ptr<v1::StrataService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ClassifyStreamRequest, v1::ClassifyStreamResponse>>
      stream_;
};

void ExpectAnswers(const TestServer& server) {
  v1::ClassifyRequest request;
  request.mutable_document()->set_content("Somebody else's document.");
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  v1::ClassifyResponse response;
  const grpc::Status status = server.NewStub()->Classify(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

// Until every permit was given back.
void ExpectNothingHeld(TestServer& server) {
  const absl::Time end = absl::Now() + absl::Seconds(20);
  runtime::QueueState state = server.runtime().queue_state();
  while ((state.num_outstanding != 0 || state.queued_bytes != 0) && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(5));
    state = server.runtime().queue_state();
  }
  EXPECT_EQ(state.num_outstanding, 0);
  EXPECT_EQ(state.queued_bytes, 0);
}

void ExpectEndsWithin(TestServer& server, absl::Duration time) {
  const absl::Time begin = absl::Now();
  server.server().Drain(absl::ZeroDuration(), time);
  EXPECT_LT(absl::Now() - begin, time + absl::Seconds(5));
}

TEST(FaultTest, ResetInTheMiddleOfADocument) {
  runtime::testing::NullEngineOptions engine;
  engine.layer_time = absl::Milliseconds(5);
  TestServer server(engine);
  {
    FaultyWire wire(server.address());
    std::vector<std::unique_ptr<Upload>> uploads;
    for (int i = 0; i < 20; ++i) {
      uploads.push_back(std::make_unique<Upload>(ChannelTo(wire.address())));
      ASSERT_TRUE(uploads.back()->Begin() && uploads.back()->ReadAnswer());
    }
    wire.Cut();
    for (const auto& upload : uploads) {
      EXPECT_EQ(upload->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
    }
  }
  ExpectNothingHeld(server);
  ExpectAnswers(server);
  ExpectEndsWithin(server, absl::Seconds(10));
}

TEST(FaultTest, ConnectionsThatSayNothingOrHalf) {
  TestServer server;
  const int port = testing::PortOf(server.address());
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const std::string settings(9, '\0');  // the head of an empty frame; its type is 0: DATA
  const std::string starts[] = {"",
                                preface.substr(0, 7),
                                preface,
                                preface + settings.substr(0, 4),
                                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                std::string(5000, '\xff')};
  std::vector<int> sockets;
  for (int i = 0; i < 120; ++i) {
    sockets.push_back(testing::Connect(port));
    const std::string& start = starts[i % 6];
    ::send(sockets.back(), start.data(), start.size(), MSG_NOSIGNAL);
  }
  ExpectAnswers(server);
  ExpectEndsWithin(server, absl::Seconds(10));
  for (const int socket : sockets) ::close(socket);
}

// A peer whose machine is gone: nothing comes any more, not even an end.
TEST(FaultTest, SilenceGivesUpTheUploadsAndHoldsUpNobody) {
  ServerOptions options;
  options.stream.idle_timeout = absl::Milliseconds(300);
  TestServer server({}, {}, options);
  FaultyWire wire(server.address());
  std::vector<std::unique_ptr<Upload>> uploads;
  for (int i = 0; i < 10; ++i) {
    uploads.push_back(std::make_unique<Upload>(ChannelTo(wire.address())));
    ASSERT_TRUE(uploads.back()->Begin() && uploads.back()->ReadAnswer());
  }
  wire.Silence();
  ExpectAnswers(server);
  ExpectNothingHeld(server);
  ExpectEndsWithin(server, absl::Seconds(10));
  for (const auto& upload : uploads) upload->Cancel();
  for (const auto& upload : uploads) {
    EXPECT_EQ(upload->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
}

// A stream that is opened and held; counts itself when it ends.
class HeldStream : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  HeldStream(grpc::GenericStub& stub, const std::string& method, std::function<void()> done)
      : done_(std::move(done)) {
    stub.PrepareBidiStreamingCall(&context_, method, {}, this);
    StartCall();
    StartRead(&answer_);
  }
  void OnDone(const grpc::Status& status) override {
    status_ = status;
    done_();
  }
  void Cancel() { context_.TryCancel(); }
  const grpc::Status& status() const { return status_; }

 private:
  grpc::ClientContext context_;
  grpc::ByteBuffer answer_;
  std::function<void()> done_;
  grpc::Status status_;
};

TEST(FaultTest, TenThousandStreams) {
  constexpr int kConnections = 10, kStreamsEach = 1000;
  TestServer server;
  std::mutex mu;
  std::condition_variable changed;
  int num_done = 0;
  const auto done = [&] {
    std::lock_guard<std::mutex> lock(mu);
    ++num_done;
    changed.notify_all();
  };
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
  std::vector<std::unique_ptr<HeldStream>> streams;
  for (int c = 0; c < kConnections; ++c) {
    stubs.push_back(std::make_unique<grpc::GenericStub>(server.NewChannel()));
    for (int i = 0; i < kStreamsEach; ++i) {
      streams.push_back(std::make_unique<HeldStream>(
          *stubs.back(), "/strata.v1.StrataService/ClassifyStream", done));
    }
  }
  // Whoever comes now is answered while all of them are held.
  ExpectAnswers(server);
  {
    std::lock_guard<std::mutex> lock(mu);
    EXPECT_EQ(num_done, 0);
  }
  for (const auto& stream : streams) stream->Cancel();
  {
    std::unique_lock<std::mutex> lock(mu);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60),
                                 [&] { return num_done == kConnections * kStreamsEach; }));
  }
  for (const auto& stream : streams) {
    ASSERT_EQ(stream->status().error_code(), grpc::StatusCode::CANCELLED);
  }
  ExpectNothingHeld(server);
  ExpectAnswers(server);
  ExpectEndsWithin(server, absl::Seconds(10));
}

}  // namespace
}  // namespace strata::service
