#include "services/runtime/runtime_metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "services/runtime/testing/null_engine.h"

namespace strata::runtime {
namespace {

using ::testing::HasSubstr;
using testing::MakeNullEngine;
using ::testing::Not;
using testing::NullEngineOptions;

class RuntimeMetricsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Runtime> MakeRuntime(NullEngineOptions engine = {}) {
    RuntimeOptions options;
    options.observers = {metrics_};
    auto runtime = Runtime::CreateWithEngines(options, {{"first", MakeNullEngine(engine)}});
    EXPECT_TRUE(runtime.ok()) << runtime.status();
    return *std::move(runtime);
  }
  static absl::Status Answer(Runtime& runtime, Request request) {
    std::promise<absl::Status> answered;
    runtime.Submit(std::move(request), [&](const absl::StatusOr<Response>& answer) {
      answered.set_value(answer.status());
    });
    return answered.get_future().get();
  }
  static Request Words(const std::string& text) {
    Request request;
    request.document = text;
    request.format = models::DocumentFormat::kPlainText;
    return request;
  }

  const std::shared_ptr<RuntimeMetrics> metrics_ = std::make_shared<RuntimeMetrics>();
};

TEST_F(RuntimeMetricsTest, CountsAnswersPhasesAndPasses) {
  const auto runtime = MakeRuntime();
  ASSERT_TRUE(Answer(*runtime, Words("one two three")).ok());
  Request unknown = Words("x");
  unknown.model = "no-such\"model";
  EXPECT_TRUE(absl::IsNotFound(Answer(*runtime, unknown)));
  const std::string text = metrics_->Text();
  EXPECT_THAT(
      text,
      HasSubstr(
          "strata_requests_total{code=\"OK\",model=\"first\",task=\"classify\",version=\"1\"} 1"));
  EXPECT_THAT(text, HasSubstr("code=\"NOT_FOUND\",model=\"unknown\""));
  EXPECT_THAT(text, Not(HasSubstr("no-such")));  // a caller's text is no label
  EXPECT_THAT(text, HasSubstr("strata_request_duration_seconds_count{model=\"first\",phase="
                              "\"total\",task=\"classify\",version=\"1\"} 1"));
  EXPECT_THAT(
      text,
      HasSubstr("strata_document_bytes_total{model=\"first\",task=\"classify\",version=\"1\"} 13"));
  EXPECT_THAT(text, HasSubstr("strata_pass_documents_count{model=\"first\",version=\"1\"} 1"));
  EXPECT_THAT(text, HasSubstr("strata_padding_tokens_total{model=\"first\",version=\"1\"} 0"));
}

TEST_F(RuntimeMetricsTest, CountsTheBytesOfASoundThatArrivesInPieces) {
  NullEngineOptions hears;
  hears.input = models::InputKind::kSound;
  const auto runtime = MakeRuntime(hears);
  Request sound;
  sound.feed = std::make_shared<models::ByteFeed>();
  sound.feed->Append("0123456789");
  const auto feed = sound.feed;
  std::promise<absl::Status> answered;
  const auto call = runtime->Submit(std::move(sound), [&](const absl::StatusOr<Response>& answer) {
    answered.set_value(answer.status());
  });
  feed->Append("01234");
  feed->Close();
  EXPECT_TRUE(answered.get_future().get().ok());
  EXPECT_THAT(metrics_->Text(), HasSubstr("strata_document_bytes_total{model=\"first\",task="
                                          "\"classify\",version=\"1\"} 15"));
}

TEST_F(RuntimeMetricsTest, SaysWhereADeadlinePassed) {
  NullEngineOptions slow;
  slow.layer_time = absl::Milliseconds(200);
  const auto runtime = MakeRuntime(slow);
  Request late = Words("one");
  late.deadline = absl::Now() + absl::Milliseconds(60);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Answer(*runtime, late)));
  EXPECT_THAT(metrics_->Text(), HasSubstr("strata_deadline_missed_total{where=\"compute\"} 1"));
}

TEST_F(RuntimeMetricsTest, GaugesComeFromTheRuntimeAndGoWithIt) {
  const auto runtime = MakeRuntime();
  metrics_->Watch(runtime.get());
  EXPECT_THAT(metrics_->Text(),
              HasSubstr("strata_model_weight_bytes{model=\"first\",version=\"1\"}"));
  EXPECT_THAT(metrics_->Text(), HasSubstr("strata_requests_in_flight 0"));
  metrics_->Watch(nullptr);
  EXPECT_THAT(metrics_->Text(), Not(HasSubstr("strata_requests_in_flight")));
  EXPECT_THAT(metrics_->Text(), HasSubstr("process_resident_memory_bytes"));
}

std::string HttpGet(int port, const std::string& path) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(::send(socket, request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t size; (size = ::recv(socket, buffer, sizeof buffer, 0)) > 0;) {
    answer.append(buffer, static_cast<size_t>(size));
  }
  ::close(socket);
  return answer;
}

TEST_F(RuntimeMetricsTest, AnswersHttpOnAPortOfItsOwn) {
  const auto runtime = MakeRuntime();
  ASSERT_TRUE(Answer(*runtime, Words("one two three")).ok());
  ASSERT_TRUE(metrics_->Serve("127.0.0.1:0").ok());
  const std::string answer = HttpGet(metrics_->port(), "/metrics");
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, HasSubstr("strata_requests_total{"));
  EXPECT_THAT(HttpGet(metrics_->port(), "/"), HasSubstr("404"));

  RuntimeMetrics second;
  EXPECT_TRUE(absl::IsUnavailable(second.Serve("127.0.0.1:" + std::to_string(metrics_->port()))));
  EXPECT_TRUE(absl::IsInvalidArgument(second.Serve("localhost")));
}

}  // namespace
}  // namespace strata::runtime
