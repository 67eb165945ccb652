// A server over the null engine on a free loopback port, and raw calls to services whose stubs
// Debian does not ship (health, reflection). For tests.
#ifndef STRATA_SERVICES_GRPC_TESTING_TEST_SERVER_H_
#define STRATA_SERVICES_GRPC_TESTING_TEST_SERVER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/grpc/server.h"
#include "services/runtime/runtime.h"
#include "services/runtime/testing/null_engine.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata::service::testing {

// Models "first" (the default) and "second", of the same engine.
class TestServer {
 public:
  explicit TestServer(runtime::testing::NullEngineOptions engine = {},
                      runtime::RuntimeOptions runtime_options = {}, ServerOptions options = {}) {
    if (runtime_options.prepare_threads == 0) runtime_options.prepare_threads = 2;
    auto created = runtime::Runtime::CreateWithEngines(
        runtime_options, {{"first", runtime::testing::MakeNullEngine(engine)},
                          {"second", runtime::testing::MakeNullEngine(engine)}});
    EXPECT_TRUE(created.ok()) << created.status();
    runtime_ = *std::move(created);
    options.listen_address = "127.0.0.1:0";
    auto started = Server::Start(options, runtime_.get());
    EXPECT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }

  Server& server() { return *server_; }
  const std::string& address() const { return server_->address(); }
  runtime::Runtime& runtime() { return *runtime_; }

  // A connection of its own each.
  std::shared_ptr<grpc::Channel> NewChannel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetMaxReceiveMessageSize(64 << 20);
    return grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  std::unique_ptr<v1::StrataService::Stub> NewStub() const {
    return v1::StrataService::NewStub(NewChannel());
  }

 private:
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<Server> server_;
};

// What the server said of an error.
struct Details {
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad_request;
  google::rpc::RetryInfo retry_info;
};

inline Details DetailsOf(const google::rpc::Status& status) {
  Details details;
  for (const auto& any : status.details()) {
    any.UnpackTo(&details.info) || any.UnpackTo(&details.bad_request) ||
        any.UnpackTo(&details.retry_info);
  }
  return details;
}

inline Details DetailsOf(const grpc::Status& status) {
  google::rpc::Status rpc_status;
  EXPECT_TRUE(rpc_status.ParseFromString(status.error_details()));
  EXPECT_EQ(rpc_status.code(), static_cast<int>(status.error_code()));
  return DetailsOf(rpc_status);
}

// A stream of raw messages to any method.
class RawStream {
 public:
  RawStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method)
      : stub_(channel), stream_(stub_.PrepareCall(&context_, method, &queue_)) {
    stream_->StartCall(this);
    Wait();
  }
  ~RawStream() {
    context_.TryCancel();
    grpc::Status status;
    stream_->Finish(&status, this);
    Wait();
  }

  bool Write(const std::string& message) {
    grpc::Slice slice(message);
    stream_->Write(grpc::ByteBuffer(&slice, 1), this);
    return Wait();
  }
  std::optional<std::string> Read() {
    grpc::ByteBuffer buffer;
    stream_->Read(&buffer, this);
    if (!Wait()) return std::nullopt;
    std::vector<grpc::Slice> slices;
    if (!buffer.Dump(&slices).ok()) return std::nullopt;
    std::string message;
    for (const grpc::Slice& slice : slices) {
      message.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    return message;
  }

 private:
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
};

}  // namespace strata::service::testing

#endif  // STRATA_SERVICES_GRPC_TESTING_TEST_SERVER_H_
