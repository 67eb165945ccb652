#include "services/runtime/match_task.h"

#include <atomic>
#include <future>
#include <set>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/runtime/error_detail.h"
#include "services/runtime/observer.h"
#include "services/runtime/testing/null_engine.h"

namespace strata::runtime {
namespace {

using ::testing::HasSubstr;
using testing::MakeNullEngine;
using testing::NullEngineOptions;

std::unique_ptr<Runtime> MakeRuntime(NullEngineOptions engine = {}, Limits limits = {}) {
  RuntimeOptions options;
  options.limits = limits;
  options.prepare_threads = 2;
  return Runtime::CreateWithEngines(options, {{"null", MakeNullEngine(std::move(engine))}}).value();
}

MatchRequest Ask(const std::string& text, const std::vector<std::string>& candidates) {
  MatchRequest request;
  request.document = {"query", text, models::DocumentFormat::kPlainText, ""};
  for (const std::string& candidate : candidates) {
    request.candidates.push_back(
        {"id:" + candidate, candidate, models::DocumentFormat::kPlainText, ""});
  }
  return request;
}

absl::StatusOr<MatchResponse> Wait(Runtime& runtime, MatchRequest request) {
  std::promise<absl::StatusOr<MatchResponse>> promise;
  const auto call = Match(runtime, std::move(request), [&](absl::StatusOr<MatchResponse> response) {
    promise.set_value(std::move(response));
  });
  return promise.get_future().get();
}

TEST(MatchTask, CandidatesComeBestFirstWithTheirBlocks) {
  const auto runtime = MakeRuntime();
  MatchRequest request =
      Ask("A first one. A second.", {"Nothing alike.", "A first one. A second.", "Another text."});
  request.block_pairs = 2;
  const auto response = Wait(*runtime, std::move(request));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->model, "null");
  EXPECT_EQ(response->model_version, 1);
  EXPECT_EQ(response->document.id, "query");
  ASSERT_EQ(response->document.blocks.size(), 2);
  EXPECT_EQ(response->document.blocks[0], (models::ByteSpan{0, 12}));
  EXPECT_EQ(response->document.tokens.num_words_kept, 5);
  ASSERT_EQ(response->candidates.size(), 3);
  const MatchCandidate& best = response->candidates[0];
  EXPECT_EQ(best.index, 1);
  EXPECT_EQ(best.document.id, "id:A first one. A second.");
  EXPECT_NEAR(best.match.score, 1, 1e-5);
  EXPECT_FALSE(best.match.probability.has_value());
  ASSERT_EQ(best.pairs.size(), 2);
  EXPECT_EQ(best.pairs[0].first, best.pairs[0].second);
  EXPECT_NEAR(best.pairs[1].similarity, 1, 1e-5);
  EXPECT_GE(response->candidates[1].match.score, response->candidates[2].match.score);
  EXPECT_GT(response->timings.total, absl::ZeroDuration());
}

TEST(MatchTask, ABadCandidateIsAloneInIt) {
  const auto runtime = MakeRuntime();
  MatchRequest request = Ask("A text.", {"\xff not UTF-8", "A text.", "fail-this"});
  const auto response = Wait(*runtime, request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->candidates.size(), 3);
  EXPECT_EQ(response->candidates[0].index, 1);
  std::set<absl::StatusCode> codes;
  for (const MatchCandidate& candidate : response->candidates)
    codes.insert(candidate.status.code());
  EXPECT_THAT(codes,
              ::testing::ElementsAre(absl::StatusCode::kOk, absl::StatusCode::kInvalidArgument,
                                     absl::StatusCode::kInternal));
  request = Ask("A text.", {"\xff not UTF-8", "A text.", "fail-this"});
  request.top_k = 1;
  EXPECT_EQ(Wait(*runtime, std::move(request))->candidates.size(), 1);
  // Without the document there is nothing to compare with.
  EXPECT_EQ(Wait(*runtime, Ask("fail-this", {"A", "B"})).status().code(),
            absl::StatusCode::kInternal);
}

TEST(MatchTask, WrongRequestsAreRefusedAtOnce) {
  const auto runtime = MakeRuntime();
  const auto refused = [&](MatchRequest request) {
    const absl::Status status = Wait(*runtime, std::move(request)).status();
    return std::string(status.message()) + " / " + DetailOf(status).field;
  };
  EXPECT_THAT(refused(Ask("A", {})), HasSubstr("no candidate to match the document with"));
  EXPECT_THAT(refused(Ask("A", std::vector<std::string>(kMaxMatchCandidates + 1, "B"))),
              HasSubstr("one request takes 1000"));
  MatchRequest request = Ask("A", {"B"});
  request.top_k = -1;
  EXPECT_THAT(refused(request), HasSubstr("/ options.top_k"));
  request.top_k = 0;
  request.block_pairs = -1;
  EXPECT_THAT(refused(request), HasSubstr("/ options.block_pairs"));
  request.block_pairs = 0;
  request.model = "other";
  EXPECT_EQ(Wait(*runtime, request).status().code(), absl::StatusCode::kNotFound);
}

TEST(MatchTask, CancelEndsAllOfIt) {
  std::promise<void> started;
  std::promise<void> go;
  std::shared_future<void> gate = go.get_future().share();
  NullEngineOptions engine;
  engine.on_run = [&, first = true](absl::Span<const models::WorkItem>) mutable {
    if (std::exchange(first, false)) started.set_value();
    gate.wait();
  };
  const auto runtime = MakeRuntime(std::move(engine));
  std::promise<absl::StatusOr<MatchResponse>> promise;
  const auto call = Match(
      *runtime, Ask("A", {"B", "C"}),
      [&](absl::StatusOr<MatchResponse> response) { promise.set_value(std::move(response)); });
  started.get_future().wait();
  call->Cancel();
  EXPECT_EQ(promise.get_future().get().status().code(), absl::StatusCode::kCancelled);
  go.set_value();
}

TEST(MatchTask, AMatchThatWasLetInFindsRoomForAllOfIt) {
  Limits limits;
  limits.max_queued_requests = 2;
  const auto runtime = MakeRuntime({}, limits);
  const auto response = Wait(*runtime, Ask("A", {"B", "C", "D", "E", "F"}));
  ASSERT_TRUE(response.ok()) << response.status();
  for (const MatchCandidate& candidate : response->candidates) {
    EXPECT_TRUE(candidate.status.ok()) << candidate.status;
  }
}

TEST(MatchTask, ComparingNeedsNoRoomOfItsOwn) {
  Limits limits;
  limits.max_queued_requests = 4;
  std::vector<std::shared_ptr<Permit>> others;
  Runtime* runtime_of_engine = nullptr;
  NullEngineOptions engine;
  engine.on_run = [&](absl::Span<const models::WorkItem>) {
    while (true) {  // whoever comes meanwhile takes what is left
      auto permit = runtime_of_engine->Acquire(0);
      if (!permit.ok()) break;
      others.push_back(*std::move(permit));
    }
  };
  const auto runtime = MakeRuntime(std::move(engine), limits);
  runtime_of_engine = runtime.get();
  const auto response = Wait(*runtime, Ask("A", {"B", "C"}));
  EXPECT_TRUE(response.ok()) << response.status();
  others.clear();
}

TEST(MatchTask, AFullQueueRefusesTheMatchAndSaysWhen) {
  Limits limits;
  limits.max_queued_requests = 1;
  const auto runtime = MakeRuntime({}, limits);
  const auto other = runtime->Acquire(0);
  ASSERT_TRUE(other.ok());
  const auto response = Wait(*runtime, Ask("A", {"B", "C"}));
  EXPECT_EQ(DetailOf(response.status()).reason, "QUEUE_FULL");
  EXPECT_GT(DetailOf(response.status()).retry_delay, absl::ZeroDuration());
}

TEST(MatchTask, WhatNobodyWaitsForIsNotSubmitted) {
  class Counter final : public Observer {
   public:
    void Answered(const AnsweredRequest& /*request*/) override { ++num_answered; }
    void Ran(const Pass& /*pass*/) override {}
    std::atomic<int> num_answered{0};
  };
  const auto counter = std::make_shared<Counter>();
  RuntimeOptions options;
  options.observers = {counter};
  options.limits.max_document_bytes = 10;
  const auto runtime = Runtime::CreateWithEngines(options, {{"null", MakeNullEngine()}}).value();
  const auto response =
      Wait(*runtime, Ask("A document over the limit", std::vector<std::string>(100, "B")));
  EXPECT_EQ(DetailOf(response.status()).reason, "DOCUMENT_TOO_LARGE");
  EXPECT_EQ(counter->num_answered, 1);
}

// A match that has come to comparing, which takes far longer than these tests.
class LongComparing {
 public:
  LongComparing() {
    std::string blocks;
    for (int i = 0; i < 1024; ++i) blocks += "One more sentence. ";
    NullEngineOptions engine;
    engine.hidden_size = 1024;
    runtime_ = MakeRuntime(engine);
    MatchRequest request = Ask(blocks, std::vector<std::string>(30, blocks));
    request.block_pairs = 1;
    call_ = Match(*runtime_, request, [this](absl::StatusOr<MatchResponse> response) {
      answer_.set_value(std::move(response));
    });
    while (runtime_->queue_state().num_outstanding != 1) absl::SleepFor(absl::Milliseconds(1));
    begin_ = absl::Now();
  }
  ~LongComparing() { EXPECT_LT(absl::Now() - begin_, absl::Seconds(10)); }
  Runtime& runtime() { return *runtime_; }
  Call& call() { return *call_; }
  absl::StatusCode Code() { return answer_.get_future().get().status().code(); }

 private:
  std::unique_ptr<Runtime> runtime_;
  std::shared_ptr<Call> call_;
  std::promise<absl::StatusOr<MatchResponse>> answer_;
  absl::Time begin_;
};

TEST(MatchTask, ComparingEndsWithItsCaller) {
  LongComparing match;
  match.call().Cancel();
  EXPECT_EQ(match.Code(), absl::StatusCode::kCancelled);
}

TEST(MatchTask, ComparingEndsWithTheTimeOfADrain) {
  LongComparing match;
  match.runtime().Drain(absl::Now() + absl::Milliseconds(100));
  EXPECT_EQ(match.Code(), absl::StatusCode::kUnavailable);
}

TEST(MatchTask, AnAcceptedMatchIsAnsweredWhileTheRuntimeDrains) {
  std::promise<void> started;
  NullEngineOptions engine;
  engine.layer_time = absl::Milliseconds(20);
  engine.on_run = [&, first = true](absl::Span<const models::WorkItem>) mutable {
    if (std::exchange(first, false)) started.set_value();
  };
  const auto runtime = MakeRuntime(std::move(engine));
  std::promise<absl::StatusOr<MatchResponse>> promise;
  const auto call = Match(*runtime, Ask("A", {"B"}), [&](absl::StatusOr<MatchResponse> response) {
    promise.set_value(std::move(response));
  });
  started.get_future().wait();
  runtime->Drain(absl::InfiniteFuture());
  auto answer = promise.get_future();
  ASSERT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  const auto response = answer.get();
  EXPECT_TRUE(response.ok()) << response.status();
}

}  // namespace
}  // namespace strata::runtime
