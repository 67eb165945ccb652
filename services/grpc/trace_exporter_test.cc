#include "services/grpc/trace_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "opentelemetry/trace_service.grpc.pb.h"
#include "services/grpc/testing/test_server.h"

namespace strata::service {
namespace {

namespace otlp = opentelemetry::proto::collector::trace::v1;
using testing::TestServer;

class Collector final : public otlp::TraceService::Service {
 public:
  Collector() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  grpc::Status Export(grpc::ServerContext*, const otlp::ExportTraceServiceRequest* request,
                      otlp::ExportTraceServiceResponse*) override {
    std::lock_guard<std::mutex> lock(mu_);
    for (const auto& resource : request->resource_spans()) {
      EXPECT_EQ(resource.resource().attributes(0).value().string_value(), "strata");
      for (const auto& scope : resource.scope_spans()) {
        spans_.insert(spans_.end(), scope.spans().begin(), scope.spans().end());
      }
    }
    changed_.notify_all();
    return grpc::Status::OK;
  }
  std::vector<otlp::Span> Wait(size_t count) {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return spans_.size() >= count; });
    return spans_;
  }

 private:
  int port_ = 0;
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<otlp::Span> spans_;
  std::unique_ptr<grpc::Server> server_;
};

class TraceExporterTest : public ::testing::Test {
 protected:
  std::unique_ptr<TestServer> MakeServer(double sample_ratio) {
    TraceOptions options;
    options.endpoint = collector_.address();
    options.sample_ratio = sample_ratio;
    options.period = absl::Milliseconds(20);
    runtime::RuntimeOptions runtime_options;
    runtime_options.observers = {std::make_shared<TraceExporter>(options)};
    return std::make_unique<TestServer>(runtime::testing::NullEngineOptions{}, runtime_options);
  }
  static void Classify(const TestServer& server, const std::string& traceparent,
                       const std::string& model = "") {
    grpc::ClientContext context;
    if (!traceparent.empty()) context.AddMetadata("traceparent", traceparent);
    v1::ClassifyRequest request;
    request.set_model(model);
    request.mutable_document()->set_content("One two three.");
    v1::ClassifyResponse response;
    server.NewStub()->Classify(&context, request, &response);
  }

  Collector collector_;
};

TEST_F(TraceExporterTest, SpansJoinTheCallersTrace) {
  const auto server = MakeServer(0);
  Classify(*server, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  const auto spans = collector_.Wait(5);
  ASSERT_EQ(spans.size(), 5u);
  std::map<std::string, otlp::Span> by_name;
  for (const auto& span : spans) {
    EXPECT_EQ(absl::BytesToHexString(span.trace_id()), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(span.span_id().size(), 8u);
    EXPECT_LE(span.start_time_unix_nano(), span.end_time_unix_nano());
    by_name[span.name()] = span;
  }
  const otlp::Span& root = by_name["strata.classify"];
  EXPECT_EQ(absl::BytesToHexString(root.parent_span_id()), "b7ad6b7169203331");
  EXPECT_EQ(root.kind(), otlp::Span::SPAN_KIND_SERVER);
  for (const char* phase : {"queue", "prepare", "batch", "compute"}) {
    EXPECT_EQ(by_name[phase].parent_span_id(), root.span_id()) << phase;
    EXPECT_GE(by_name[phase].start_time_unix_nano(), root.start_time_unix_nano() - 1000) << phase;
  }
}

TEST_F(TraceExporterTest, SamplingFollowsTheCallerAndElseTheRatio) {
  const auto server = MakeServer(0);
  Classify(*server, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
  Classify(*server, "");
  Classify(*server, "no trace context");
  Classify(*server, "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01");
  for (const auto& span : collector_.Wait(5)) {
    EXPECT_EQ(absl::BytesToHexString(span.trace_id()), "0af7651916cd43dd8448eb211c80319d");
  }
  const auto all = MakeServer(1);
  Classify(*all, "");
  EXPECT_EQ(collector_.Wait(10).size(), 10u);
}

TEST_F(TraceExporterTest, AnErrorHasItsReasonAndNoText) {
  const auto server = MakeServer(1);
  Classify(*server, "", "no-such-model");
  const auto spans = collector_.Wait(1);
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].status().code(), otlp::SpanStatus::STATUS_CODE_ERROR);
  EXPECT_EQ(spans[0].status().message(), "NOT_FOUND");
}

TEST_F(TraceExporterTest, ACollectorThatIsNotThereHarmsNothing) {
  TraceOptions options;
  options.endpoint = "127.0.0.1:1";
  options.sample_ratio = 1;
  runtime::RuntimeOptions runtime_options;
  runtime_options.observers = {std::make_shared<TraceExporter>(options)};
  const TestServer server({}, runtime_options);
  for (int i = 0; i < 20; ++i) Classify(server, "");
}

}  // namespace
}  // namespace strata::service
