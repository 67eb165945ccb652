// Many documents in one ModelInfer, over loopback with the null engine.
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/grpc/testing/kserve_client.h"
#include "services/grpc/testing/test_server.h"

namespace strata::service {
namespace {

using inference::ModelInferResponse;
using ::testing::ElementsAre;
using testing::Infer;
using testing::MakeRequest;
using testing::NewStub;
using testing::TestServer;

TEST(KserveBatchTest, BatchOverTheWindowIsSplit) {
  runtime::RuntimeOptions options;
  options.limits.max_batch_documents = 3;
  options.limits.max_queued_requests = 5;
  TestServer server({}, options);
  const auto stub = NewStub(server);
  std::vector<std::string> documents;
  for (int i = 0; i < 200; ++i) documents.push_back(std::string(static_cast<size_t>(i), 'x'));
  ModelInferResponse response;
  const grpc::Status status = Infer(*stub, MakeRequest(documents, {"embedding"}), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(200, 8));
  // In order: alone each gets the same.
  ModelInferResponse alone;
  ASSERT_TRUE(Infer(*stub, MakeRequest({documents[117]}, {"embedding"}), &alone).ok());
  for (int c = 0; c < 8; ++c) {
    EXPECT_EQ(response.outputs(0).contents().fp32_contents(117 * 8 + c),
              alone.outputs(0).contents().fp32_contents(c));
  }
}

// Others take all the room whenever there is some: a batch that was begun waits for its turn.
TEST(KserveBatchTest, ABatchThatWasLetInWaitsForRoom) {
  std::mutex mu;
  std::vector<std::shared_ptr<runtime::Permit>> others;
  runtime::Runtime* runtime_of_engine = nullptr;
  runtime::testing::NullEngineOptions engine;
  engine.on_run = [&](absl::Span<const models::WorkItem>) {
    const std::lock_guard<std::mutex> lock(mu);
    while (true) {
      auto permit = runtime_of_engine->Acquire(0);
      if (!permit.ok()) break;
      (*permit)->Commit();
      others.push_back(*std::move(permit));
    }
  };
  runtime::RuntimeOptions options;
  options.limits.max_batch_documents = 3;
  options.limits.max_queued_requests = 5;
  TestServer server(engine, options);
  runtime_of_engine = &server.runtime();
  std::atomic<bool> done{false};
  std::thread releaser([&] {
    while (!done) {
      absl::SleepFor(absl::Milliseconds(5));
      const std::lock_guard<std::mutex> lock(mu);
      others.clear();
    }
  });
  ModelInferResponse response;
  const grpc::Status status = Infer(
      *NewStub(server), MakeRequest(std::vector<std::string>(50, "text"), {"label"}), &response);
  done = true;
  releaser.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(50, 3));
}

}  // namespace
}  // namespace strata::service
