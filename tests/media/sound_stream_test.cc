// Sounds over the wire that are heard while they are still being sent.
#include <sndfile.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "models/engine/testing/small_models.h"
#include "models/media/audio_test_files.h"
#include "services/grpc/server.h"
#include "services/runtime/runtime.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata::service {
namespace {

using models::testing::SoundWithPauses;
using ::testing::HasSubstr;
using Response = v1::ClassifyStreamResponse;

std::string Wav(const std::vector<float>& samples) {
  return models::WriteAudio(samples, 1, 8000, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
}

class SoundStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              (std::string("sound_stream_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_TRUE(models::testing::WriteSmallHtsat(folder_).ok());
    Start({});
  }
  void TearDown() override {
    server_.reset();
    runtime_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Start(const StreamLimits& limits) {
    server_.reset();
    runtime::RuntimeOptions options;
    options.prepare_threads = 2;
    options.models = {{"htsat", folder_.string()}};
    auto runtime = runtime::Runtime::Create(options);
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
    ServerOptions server;
    server.listen_address = "127.0.0.1:0";
    server.stream = limits;
    auto started = Server::Start(server, runtime_.get());
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    stub_ = v1::StrataService::NewStub(
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  std::filesystem::path folder_;
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::StrataService::Stub> stub_;
};

// The client's side of a call.
struct Upload {
  explicit Upload(v1::StrataService::Stub& stub) : stream(stub.ClassifyStream(&context)) {}

  void Open(const std::string& id, bool events = true) {
    v1::ClassifyStreamRequest request;
    v1::ClassifyStreamHeader& header = *request.mutable_header();
    header.mutable_document()->set_id(id);
    header.mutable_document()->set_file_name(id);
    if (events) header.mutable_options()->mutable_events()->set_max_pause_seconds(0.1);
    ASSERT_TRUE(stream->Write(request));
  }
  void Send(const std::string& id, const std::string& bytes, bool last) {
    v1::ClassifyStreamRequest request;
    request.mutable_chunk()->set_id(id);
    request.mutable_chunk()->set_data(bytes);
    request.mutable_chunk()->set_last(last);
    ASSERT_TRUE(stream->Write(request));
  }
  // In pieces, all but the last of them.
  void SendMost(const std::string& id, const std::string& bytes, size_t piece = 5000) {
    for (size_t begin = 0; begin < bytes.size(); begin += piece) {
      Send(id, bytes.substr(begin, piece), false);
    }
  }
  Response Next() {
    Response response;
    stream->Read(&response);
    return response;
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ClassifyStreamRequest, Response>> stream;
};

TEST_F(SoundStreamTest, EventsComeBeforeTheSoundIsAllThere) {
  const std::string file = Wav(SoundWithPauses(9));
  Upload whole(*stub_);
  whole.Open("a");
  whole.Send("a", file, true);
  std::vector<v1::SoundEvent> expected;
  Response answer;
  do {
    answer = whole.Next();
    ASSERT_TRUE(answer.has_result()) << answer.error().message();
    for (const v1::SoundEvent& event : answer.result().events()) expected.push_back(event);
  } while (answer.more());
  EXPECT_NEAR(answer.result().tokens().seconds(), 9, 1e-6);
  EXPECT_GT(expected.size(), 4U);

  Upload live(*stub_);
  live.Open("b");
  live.SendMost("b", file);  // and now nothing more comes
  std::vector<v1::SoundEvent> told;
  // The last window waits for the end; an event in it, or running into it, too.
  while (told.empty() || told.back().end_seconds() < 5) {
    const Response part = live.Next();
    ASSERT_EQ(part.id(), "b");
    ASSERT_TRUE(part.more());
    for (const v1::SoundEvent& event : part.result().events()) told.push_back(event);
  }
  live.Send("b", "", true);
  Response last;
  do {
    last = live.Next();
    ASSERT_TRUE(last.has_result()) << last.error().message();
    for (const v1::SoundEvent& event : last.result().events()) told.push_back(event);
  } while (last.more());
  EXPECT_TRUE(live.stream->WritesDone());
  EXPECT_TRUE(live.stream->Finish().ok());
  ASSERT_EQ(told.size(), expected.size());
  for (size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].label(), expected[i].label());
    EXPECT_DOUBLE_EQ(told[i].begin_seconds(), expected[i].begin_seconds());
    EXPECT_DOUBLE_EQ(told[i].end_seconds(), expected[i].end_seconds());
  }
  ASSERT_EQ(last.result().labels_size(), 3);
  for (int k = 0; k < 3; ++k) {
    EXPECT_NEAR(last.result().labels(k).logit(), answer.result().labels(k).logit(), 1e-4);
  }
}

TEST_F(SoundStreamTest, ALongSoundIsNotHeld) {
  StreamLimits limits;
  limits.max_bytes = 128 << 10;
  Start(limits);
  const std::string file = Wav(SoundWithPauses(120));
  ASSERT_GT(file.size(), 3'000'000U);
  Upload upload(*stub_);
  upload.Open("long", /*events=*/false);
  int64_t most = 0;
  for (size_t begin = 0; begin < file.size(); begin += 30'000) {
    upload.Send("long", file.substr(begin, 30'000), begin + 30'000 >= file.size());
    most = std::max(most, runtime_->queue_state().queued_bytes);
  }
  const Response answer = upload.Next();
  ASSERT_TRUE(answer.has_result()) << answer.error().message();
  EXPECT_NEAR(answer.result().tokens().seconds(), 120, 1e-6);
  EXPECT_LT(most, 300'000);  // the bound, and the chunk that met it
}

TEST_F(SoundStreamTest, SoundsThatArriveTogetherStayApart) {
  Upload upload(*stub_);
  const std::string a = Wav(SoundWithPauses(3)), b = Wav(SoundWithPauses(6));
  upload.Open("a");
  upload.Open("b");
  for (size_t begin = 0; begin < b.size(); begin += 4000) {
    if (begin < a.size()) upload.Send("a", a.substr(begin, 4000), begin + 4000 >= a.size());
    upload.Send("b", b.substr(begin, 4000), begin + 4000 >= b.size());
  }
  std::map<std::string, int> events;
  std::map<std::string, double> seconds;
  while (seconds.size() < 2) {
    const Response part = upload.Next();
    ASSERT_TRUE(part.has_result()) << part.error().message();
    for (const v1::SoundEvent& event : part.result().events()) {
      EXPECT_LE(event.end_seconds(), part.id() == "a" ? 3 : 6);
      ++events[part.id()];
    }
    if (!part.more()) seconds[part.id()] = part.result().tokens().seconds();
  }
  EXPECT_NEAR(seconds["a"], 3, 1e-6);
  EXPECT_NEAR(seconds["b"], 6, 1e-6);
  EXPECT_GT(events["a"], 1);
  EXPECT_GT(events["b"], events["a"]);
}

TEST_F(SoundStreamTest, WhatGoesWrongOnTheWayIsToldAtOnceAndToNobodyElse) {
  std::vector<float> nan = SoundWithPauses(3);
  nan[9000] = std::numeric_limits<float>::quiet_NaN();
  const std::string good = Wav(SoundWithPauses(3));
  Upload upload(*stub_);
  upload.Open("nan", false);
  upload.Open("good", false);
  upload.Open("stops", false);
  upload.Open("cut", false);
  upload.SendMost("nan", Wav(nan));
  upload.SendMost("stops", good);
  upload.Send("good", good.substr(0, 9000), false);
  upload.Send("cut", good.substr(0, 9001), false);
  upload.Send("cut", "", true);
  std::map<std::string, Response> answers;
  for (int i = 0; i < 2; ++i) {
    const Response answer = upload.Next();
    answers[answer.id()] = answer;
  }
  EXPECT_THAT(answers["nan"].error().message(), HasSubstr("nan: frame 9000, channel 0 is nan"));
  EXPECT_THAT(answers["cut"].error().message(), HasSubstr("cut: the file ends after"));
  upload.Send("good", good.substr(9000), true);
  answers["good"] = upload.Next();
  EXPECT_EQ(answers["good"].id(), "good");
  EXPECT_TRUE(answers["good"].has_result()) << answers["good"].error().message();
  upload.stream->WritesDone();
  const Response stopped = upload.Next();
  EXPECT_EQ(stopped.id(), "stops");
  EXPECT_THAT(stopped.error().message(), HasSubstr("closed before the document was complete"));
  EXPECT_TRUE(upload.stream->Finish().ok());
  EXPECT_EQ(runtime_->queue_state().queued_bytes, 0);
}

TEST_F(SoundStreamTest, AClientThatGivesUpLeavesNothingBehind) {
  for (const bool whole_stream : {false, true}) {
    Upload upload(*stub_);
    upload.Open("a");
    upload.SendMost("a", Wav(SoundWithPauses(4)));
    EXPECT_TRUE(upload.Next().more());
    if (whole_stream) {
      upload.context.TryCancel();
    } else {
      v1::ClassifyStreamRequest cancel;
      cancel.mutable_cancel()->set_id("a");
      upload.stream->Write(cancel);
      Response answer;
      do {
        answer = upload.Next();
      } while (answer.more());
      EXPECT_EQ(answer.error().code(), static_cast<int>(absl::StatusCode::kCancelled));
      upload.stream->WritesDone();
    }
    Response rest;
    while (upload.stream->Read(&rest)) {
    }
    EXPECT_EQ(upload.stream->Finish().ok(), !whole_stream);
    // A pass that is under way ends first.
    const auto busy = [this] {
      const runtime::QueueState state = runtime_->queue_state();
      return state.queued_bytes > 0 || state.num_outstanding > 0;
    };
    for (int i = 0; i < 500 && busy(); ++i) absl::SleepFor(absl::Milliseconds(10));
    EXPECT_EQ(runtime_->queue_state().num_outstanding, 0);
    EXPECT_EQ(runtime_->queue_state().queued_bytes, 0);
  }
}

TEST_F(SoundStreamTest, ADrainEndsWhatIsStillArriving) {
  Upload upload(*stub_);
  upload.Open("a");
  upload.SendMost("a", Wav(SoundWithPauses(4)));
  EXPECT_TRUE(upload.Next().more());
  server_->Drain(absl::ZeroDuration(), absl::Seconds(20));
  Response answer;
  do {
    answer = upload.Next();
  } while (answer.more());
  EXPECT_EQ(answer.error().code(), static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_EQ(upload.stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace strata::service
