// The response cache, by itself and in a runtime with the null engine.
#include "services/runtime/response_cache.h"

#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/runtime/scheduler.h"
#include "services/runtime/testing/null_engine.h"

namespace strata::runtime {
namespace {

using testing::MakeNullEngine;
using testing::NullEngineOptions;

Request MakeRequest(const std::string& id, std::string text = "One two three. Four five.") {
  Request request;
  request.id = id;
  request.document = std::move(text);
  request.format = models::DocumentFormat::kPlainText;
  return request;
}

// A runtime whose passes are counted, and wait while the gate is shut.
class ResponseCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NullEngineOptions engine;
    engine.num_layers = 100;
    engine.layer_time = absl::Milliseconds(1);
    engine.on_run = [this](absl::Span<const models::WorkItem> batch) {
      std::unique_lock<std::mutex> lock(mu_);
      num_computed_ += static_cast<int>(batch.size());
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
    };
    RuntimeOptions options;
    options.prepare_threads = 2;
    options.cache_bytes = 1 << 20;
    auto runtime = Runtime::CreateWithEngines(
        options, {{"first", MakeNullEngine(engine)}, {"second", MakeNullEngine(engine)}});
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
  }

  void SetOpen(bool open) {
    std::lock_guard<std::mutex> lock(mu_);
    open_ = open;
    changed_.notify_all();
  }
  void WaitForComputed(int count) {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [&] { return num_computed_ >= count; });
  }
  int num_computed() {
    std::lock_guard<std::mutex> lock(mu_);
    return num_computed_;
  }
  struct Submitted {
    std::shared_ptr<Call> call;
    std::future<absl::StatusOr<Response>> answer;
  };
  Submitted Submit(Request request) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<Response>>>();
    Submitted submitted;
    submitted.answer = promise->get_future();
    submitted.call = runtime_->Submit(std::move(request), [promise](absl::StatusOr<Response> r) {
      promise->set_value(std::move(r));
    });
    return submitted;
  }
  absl::StatusOr<Response> Ask(Request request) { return Submit(std::move(request)).answer.get(); }

  std::mutex mu_;
  std::condition_variable changed_;
  bool open_ = true;
  int num_computed_ = 0;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(ResponseCacheTest, EqualRequestsAreComputedOnce) {
  const auto first = Ask(MakeRequest("a"));
  const auto second = Ask(MakeRequest("b"));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(num_computed(), 1);
  EXPECT_FALSE(first->cached);
  EXPECT_TRUE(second->cached);
  EXPECT_EQ(second->id, "b");
  EXPECT_EQ(second->model, "first");
  EXPECT_EQ(second->result.labels[0].logit, first->result.labels[0].logit);
  EXPECT_EQ(second->tree.nodes().size(), first->tree.nodes().size());
  const StatisticsSnapshot sums = (*runtime_->models().Find("first"))->statistics->snapshot();
  EXPECT_EQ(sums.success.count, 2);
  EXPECT_EQ(sums.compute.count, 1);
  EXPECT_EQ(sums.cache_hit.count, 1);
  EXPECT_EQ(sums.cache_miss.count, 1);
}

TEST_F(ResponseCacheTest, WhateverChangesTheAnswerChangesTheKey) {
  std::vector<Request> requests(1, MakeRequest("x"));
  const auto add = [&](const std::function<void(Request&)>& change) {
    requests.push_back(MakeRequest("x"));
    change(requests.back());
  };
  const auto embed = [](Request& r) {
    r.task.task = models::Task::kEmbed;
    r.task.levels = {models::EmbeddingLevel::kDocument};
  };
  add([](Request& r) { r.document += " "; });
  add([](Request& r) { r.model = "second"; });
  add([](Request& r) { r.format = models::DocumentFormat::kMarkdown; });
  add([](Request& r) { r.format = models::DocumentFormat::kAuto; });
  add([](Request& r) {
    r.format = models::DocumentFormat::kAuto;
    r.file_name = "a.md";
  });
  add([](Request& r) { r.task.top_k = 1; });
  add([](Request& r) { r.task.explain = true; });
  add([](Request& r) { r.prepare.max_tokens = 100; });
  add([](Request& r) { r.prepare.query = "<S2S>"; });
  add([](Request& r) { r.prepare.truncation = models::Truncation::kKeepHead; });
  add(embed);
  add([&](Request& r) {
    embed(r);
    r.task.normalize = true;
  });
  add([&](Request& r) {
    embed(r);
    r.task.levels = {models::EmbeddingLevel::kSentence};
  });
  add([&](Request& r) {
    embed(r);
    r.task.levels.push_back(models::EmbeddingLevel::kSentence);
  });
  add([&](Request& r) {
    embed(r);
    r.max_answer_bytes = 1000;
  });
  for (int round = 0; round < 2; ++round) {
    for (const Request& request : requests) ASSERT_TRUE(Ask(request).ok());
    EXPECT_EQ(num_computed(), static_cast<int>(requests.size()));
  }
}

TEST_F(ResponseCacheTest, OneFlightForAllWhoAskMeanwhile) {
  SetOpen(false);
  std::vector<Submitted> asked;
  asked.push_back(Submit(MakeRequest("0")));
  WaitForComputed(1);
  for (int i = 1; i < 20; ++i) asked.push_back(Submit(MakeRequest(absl::StrCat(i))));
  asked[3].call->Cancel();
  EXPECT_EQ(asked[3].answer.get().status().code(), absl::StatusCode::kCancelled);
  Request late = MakeRequest("late");
  late.deadline = absl::Now() + absl::Milliseconds(50);  // while it waits for another's answer
  EXPECT_EQ(Ask(late).status().code(), absl::StatusCode::kDeadlineExceeded);
  SetOpen(true);
  for (int i = 0; i < 20; ++i) {
    if (i == 3) continue;
    const auto answer = asked[static_cast<size_t>(i)].answer.get();
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->id, absl::StrCat(i));
  }
  EXPECT_EQ(num_computed(), 1);
}

TEST_F(ResponseCacheTest, WaitersGoOnWhenTheirLeaderGivesUp) {
  SetOpen(false);
  Submitted leader = Submit(MakeRequest("leader"));
  WaitForComputed(1);
  std::vector<Submitted> waiters;
  for (int i = 0; i < 5; ++i) waiters.push_back(Submit(MakeRequest(absl::StrCat(i))));
  absl::SleepFor(absl::Milliseconds(50));
  leader.call->Cancel();
  EXPECT_EQ(leader.answer.get().status().code(), absl::StatusCode::kCancelled);
  SetOpen(true);
  for (Submitted& waiter : waiters) EXPECT_TRUE(waiter.answer.get().ok());
  EXPECT_EQ(num_computed(), 2);  // the pass that was given up, and one for all others
}

TEST_F(ResponseCacheTest, ErrorsAreSharedAndNotKept) {
  SetOpen(false);
  std::vector<Submitted> asked;
  asked.push_back(Submit(MakeRequest("0", "please fail-this")));
  WaitForComputed(1);
  for (int i = 1; i < 5; ++i)
    asked.push_back(Submit(MakeRequest(absl::StrCat(i), "please fail-this")));
  absl::SleepFor(absl::Milliseconds(50));
  SetOpen(true);
  for (Submitted& one : asked) {
    EXPECT_EQ(one.answer.get().status().code(), absl::StatusCode::kInternal);
  }
  const int before = num_computed();
  EXPECT_FALSE(Ask(MakeRequest("again", "please fail-this")).ok());
  EXPECT_GT(num_computed(), before);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Ask(MakeRequest("bad", "not \xff utf-8")).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(ResponseCacheTest, DrainLeavesNobodyWaiting) {
  SetOpen(false);
  std::vector<Submitted> asked;
  for (int i = 0; i < 10; ++i) asked.push_back(Submit(MakeRequest(absl::StrCat(i))));
  WaitForComputed(1);
  std::thread opener([this] {
    absl::SleepFor(absl::Milliseconds(100));
    SetOpen(true);
  });
  runtime_->Drain(absl::Now() + absl::Milliseconds(20));
  for (Submitted& one : asked) {
    EXPECT_EQ(one.answer.get().status().code(), absl::StatusCode::kUnavailable);
  }
  opener.join();
}

// Without a runtime: what is kept, and what it may take.
class KeptTest : public ::testing::Test {
 protected:
  // As the prepare loop does it, up to the answer.
  ResponseCache::Outcome Look(const std::string& key) {
    call_ = std::make_shared<PendingCall>();
    call_->scheduler = scheduler_;
    call_->stage = CallStage::kPreparing;
    return cache_->Look(key, call_);
  }
  void Compute(const std::string& key, size_t num_bytes) {
    ASSERT_EQ(Look(key), ResponseCache::Outcome::kLeads);
    Response response;
    response.result.labels.push_back({std::string(num_bytes, 'x'), 0, 0});
    call_->payload.lease->Fulfil(response);
  }

  const std::shared_ptr<ResponseCache> cache_ = ResponseCache::Create(10'000);
  const std::shared_ptr<Scheduler> scheduler_ = std::make_shared<Scheduler>(BatchLimits{}, 1, 1);
  std::shared_ptr<PendingCall> call_;
};

TEST_F(KeptTest, BytesAreBoundedAndTheOldestGo) {
  for (int i = 0; i < 100; ++i) {
    Compute(absl::StrCat("k", i), 1000);
    EXPECT_LE(cache_->num_bytes(), 10'000);
    EXPECT_EQ(Look("k0"), ResponseCache::Outcome::kHit) << i;  // used all the time
  }
  EXPECT_GT(cache_->num_bytes(), 5'000);
  EXPECT_EQ(Look("k99"), ResponseCache::Outcome::kHit);
  EXPECT_EQ(Look("k50"), ResponseCache::Outcome::kLeads);
  Compute("large", 20'000);  // more than all: not kept
  EXPECT_EQ(Look("large"), ResponseCache::Outcome::kLeads);
  EXPECT_EQ(Look("k0"), ResponseCache::Outcome::kHit);
}

}  // namespace
}  // namespace strata::runtime
