#include "services/runtime/runtime.h"

#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "services/runtime/error_detail.h"
#include "services/runtime/request_log.h"
#include "services/runtime/testing/null_engine.h"
#include "services/telemetry/json_log.h"

namespace strata::runtime {
namespace {

using testing::MakeNullEngine;
using testing::NullEngineOptions;

// A door that passes stand before until it is opened.
class Gate {
 public:
  void Open() {
    std::lock_guard<std::mutex> lock(mu_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock<std::mutex> lock(mu_);
    ++num_arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void WaitForArrivals(int count) {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [&] { return num_arrived_ >= count; });
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  bool open_ = false;
  int num_arrived_ = 0;
};

// Collects answers and fails on a second one for the same request.
class Answers {
 public:
  Done For(const std::string& id) {
    return [this, id](absl::StatusOr<Response> answer) {
      std::lock_guard<std::mutex> lock(mu_);
      const bool first = answers_.emplace(id, std::move(answer)).second;
      EXPECT_TRUE(first) << "second answer for " << id;
      changed_.notify_all();
    };
  }
  absl::StatusOr<Response> Wait(const std::string& id) {
    std::unique_lock<std::mutex> lock(mu_);
    if (!changed_.wait_for(lock, std::chrono::seconds(30), [&] { return answers_.count(id); })) {
      return absl::InternalError(absl::StrCat("no answer for ", id, " in 30 s"));
    }
    return answers_.at(id);
  }
  bool Has(const std::string& id) {
    std::lock_guard<std::mutex> lock(mu_);
    return answers_.count(id) > 0;
  }
  size_t size() {
    std::lock_guard<std::mutex> lock(mu_);
    return answers_.size();
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::map<std::string, absl::StatusOr<Response>> answers_;
};

Request MakeRequest(const std::string& id, std::string text = "One two three. Four five.") {
  Request request;
  request.id = id;
  request.document = std::move(text);
  request.format = models::DocumentFormat::kPlainText;
  return request;
}

std::unique_ptr<Runtime> MakeRuntime(NullEngineOptions engine = {}, RuntimeOptions options = {}) {
  if (options.prepare_threads == 0) options.prepare_threads = 2;
  auto runtime = Runtime::CreateWithEngines(
      options, {{"first", MakeNullEngine(engine)}, {"second", MakeNullEngine(engine)}});
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

std::string Words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, i == 0 ? "" : " ", "w", i);
  return text;
}

TEST(RuntimeTest, AnswersWithTreeTokensAndTimings) {
  const auto runtime = MakeRuntime();
  Answers answers;
  runtime->Submit(MakeRequest("a"), answers.For("a"));
  const auto answer = answers.Wait("a");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->id, "a");
  EXPECT_EQ(answer->model, "first");
  EXPECT_EQ(answer->result.labels.size(), 3u);
  EXPECT_EQ(answer->result.tokens.num_words_kept, 5);
  EXPECT_FALSE(answer->tree.nodes().empty());
  EXPECT_GE(answer->timings.total, answer->timings.compute);
  EXPECT_GE(answer->timings.queue, absl::ZeroDuration());
}

TEST(RuntimeTest, RefusesAtOnceWithReasons) {
  RuntimeOptions options;
  options.limits.max_document_bytes = 100;
  const auto runtime = MakeRuntime({}, options);
  const auto refusal = [&](Request request) {
    absl::StatusOr<Response> answer = absl::UnknownError("not answered before Submit returned");
    runtime->Submit(std::move(request), [&](absl::StatusOr<Response> a) { answer = std::move(a); });
    return answer.status();
  };
  Request request = MakeRequest("a");
  request.model = "none";
  EXPECT_EQ(refusal(request).code(), absl::StatusCode::kNotFound);
  EXPECT_NE(refusal(request).message().find("first, second"), std::string::npos);
  EXPECT_EQ(DetailOf(refusal(request)).reason, "MODEL_NOT_FOUND");

  request = MakeRequest("a");
  request.task.top_k = -1;
  EXPECT_EQ(refusal(request).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(refusal(request)).field, "options");

  request = MakeRequest("a");
  request.prepare.max_tokens = -5;
  EXPECT_EQ(DetailOf(refusal(request)).field, "options.prepare.max_tokens");

  request = MakeRequest("a", std::string(101, 'x'));
  EXPECT_EQ(refusal(request).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailOf(refusal(request)).reason, "DOCUMENT_TOO_LARGE");

  request = MakeRequest("a");
  request.deadline = absl::Now() - absl::Seconds(1);
  EXPECT_EQ(refusal(request).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(RuntimeTest, BadDocumentFailsAloneInItsBatch) {
  const auto runtime = MakeRuntime();
  Answers answers;
  runtime->Submit(MakeRequest("bad", "not \xff utf-8"), answers.For("bad"));
  runtime->Submit(MakeRequest("failing", "please fail-this"), answers.For("failing"));
  runtime->Submit(MakeRequest("throwing", "please throw-this"), answers.For("throwing"));
  runtime->Submit(MakeRequest("good"), answers.For("good"));
  EXPECT_EQ(answers.Wait("bad").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(answers.Wait("bad").status()).reason, "INVALID_DOCUMENT");
  EXPECT_EQ(answers.Wait("failing").status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(answers.Wait("throwing").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(answers.Wait("good").ok());
}

TEST(RuntimeTest, TokenLimitRejectsOrCuts) {
  RuntimeOptions options;
  options.limits.max_document_tokens = 10;
  const auto runtime = MakeRuntime({}, options);
  Answers answers;
  runtime->Submit(MakeRequest("long", Words(50)), answers.For("long"));
  Request cut = MakeRequest("cut", Words(50));
  cut.prepare.max_tokens = 1000;  // over the limit: the limit holds
  cut.prepare.truncation = models::Truncation::kKeepHead;
  runtime->Submit(cut, answers.For("cut"));
  EXPECT_EQ(answers.Wait("long").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailOf(answers.Wait("long").status()).reason, "TOO_MANY_TOKENS");
  const auto answer = answers.Wait("cut");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->result.tokens.num_tokens, 10);
  EXPECT_EQ(answer->result.tokens.num_words_seen, 50);
}

TEST(RuntimeTest, BatchesWhatArrivesDuringAPass) {
  Gate gate;
  std::mutex mu;
  std::vector<size_t> batch_sizes;
  NullEngineOptions engine;
  engine.on_run = [&](absl::Span<const models::WorkItem> batch) {
    {
      std::lock_guard<std::mutex> lock(mu);
      batch_sizes.push_back(batch.size());
    }
    gate.Pass();
  };
  RuntimeOptions options;
  options.limits.max_batch_tokens = 1000;
  options.limits.max_batch_documents = 6;
  options.prepare_threads = 1;
  const auto runtime = MakeRuntime(engine, options);
  Answers answers;
  runtime->Submit(MakeRequest("head"), answers.For("head"));
  gate.WaitForArrivals(1);
  // The one thread prepares in order of arrival, so work behind the nine marks the point.
  for (int i = 0; i < 9; ++i) {
    runtime->Submit(MakeRequest(absl::StrCat(i)), answers.For(absl::StrCat(i)));
  }
  std::atomic<bool> all_prepared{false};
  runtime->Post(0, absl::InfiniteFuture(), [&](absl::Status) { all_prepared = true; });
  while (!all_prepared) absl::SleepFor(absl::Milliseconds(1));
  gate.Open();
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(answers.Wait(absl::StrCat(i)).ok());
  std::lock_guard<std::mutex> lock(mu);
  EXPECT_THAT(batch_sizes, ::testing::ElementsAre(1, 6, 3));
}

Request MakeSummary(const std::string& id, std::string text, std::string& told) {
  Request request = MakeRequest(id, std::move(text));
  request.task.task = models::Task::kSummarize;
  request.on_text = [&told](const std::string& part) { told += part; };
  return request;
}

TEST(RuntimeTest, ASummaryIsToldOnceThoughItsBatchFails) {
  Gate gate;
  NullEngineOptions engine;
  engine.on_run = [&](auto) { gate.Pass(); };
  const auto runtime = MakeRuntime(engine);
  Answers answers;
  std::string good, bad;
  runtime->Submit(MakeRequest("first"), answers.For("first"));
  gate.WaitForArrivals(1);
  runtime->Submit(MakeSummary("good", "One two three. Four.", good), answers.For("good"));
  runtime->Submit(MakeSummary("bad", "Now throw-this.", bad), answers.For("bad"));
  while (runtime->queue_state().prepared_tokens < 8) absl::SleepFor(absl::Milliseconds(1));
  gate.Open();  // one pass for both: the first is told its text, then the second throws
  EXPECT_EQ(answers.Wait("bad").status().code(), absl::StatusCode::kResourceExhausted);
  const auto answer = answers.Wait("good");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->result.summary.text, "One two three.");
  EXPECT_EQ(good, "One two three.");
  EXPECT_EQ(bad, "");
}

TEST(RuntimeTest, CancellingASummaryStopsItAlone) {
  NullEngineOptions engine;
  engine.word_time = absl::Milliseconds(5);
  const auto runtime = MakeRuntime(engine);
  Answers answers;
  std::string told;
  std::atomic<bool> begun = false;
  Request request = MakeRequest("long", Words(5000));
  request.task.task = models::Task::kSummarize;
  request.on_text = [&](const std::string&) { begun = true; };
  const auto call = runtime->Submit(request, answers.For("long"));
  while (!begun) absl::SleepFor(absl::Milliseconds(1));
  runtime->Submit(MakeSummary("short", "One two.", told), answers.For("short"));
  call->Cancel();
  EXPECT_EQ(answers.Wait("long").status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(answers.Wait("short").ok());
  EXPECT_EQ(told, "One two.");
}

TEST(RuntimeTest, QueueLimitsRefuseAndRoomComesBack) {
  Gate gate;
  NullEngineOptions engine;
  engine.on_run = [&](auto) { gate.Pass(); };
  RuntimeOptions options;
  options.limits.max_queued_requests = 2;
  const auto runtime = MakeRuntime(engine, options);
  Answers answers;
  runtime->Submit(MakeRequest("a"), answers.For("a"));
  runtime->Submit(MakeRequest("b"), answers.For("b"));
  runtime->Submit(MakeRequest("c"), answers.For("c"));
  ASSERT_TRUE(answers.Has("c"));
  EXPECT_EQ(answers.Wait("c").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailOf(answers.Wait("c").status()).reason, "QUEUE_FULL");
  EXPECT_FALSE(runtime->HasRoom());
  std::atomic<int> told{0};
  runtime->WhenRoom([&] { ++told; });
  EXPECT_EQ(told, 0);
  gate.Open();
  EXPECT_TRUE(answers.Wait("a").ok());
  // The permit is free before the answer is out, so a client may ask again at once.
  runtime->Submit(MakeRequest("d"), answers.For("d"));
  EXPECT_TRUE(answers.Wait("d").ok());
  EXPECT_TRUE(answers.Wait("b").ok());
  while (told == 0) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(told, 1);
}

TEST(RuntimeTest, CancelInTheQueueAnswersAndFreesAtOnce) {
  Gate gate;
  NullEngineOptions engine;
  engine.on_run = [&](auto) { gate.Pass(); };
  RuntimeOptions options;
  options.limits.max_queued_requests = 2;
  const auto runtime = MakeRuntime(engine, options);
  Answers answers;
  runtime->Submit(MakeRequest("running"), answers.For("running"));
  gate.WaitForArrivals(1);
  const auto call = runtime->Submit(MakeRequest("waiting"), answers.For("waiting"));
  absl::SleepFor(absl::Milliseconds(30));
  call->Cancel();
  call->Cancel();
  EXPECT_EQ(answers.Wait("waiting").status().code(), absl::StatusCode::kCancelled);
  runtime->Submit(MakeRequest("next"), answers.For("next"));
  EXPECT_FALSE(answers.Has("next"));  // there was room for it
  gate.Open();
  EXPECT_TRUE(answers.Wait("next").ok());
  EXPECT_TRUE(answers.Wait("running").ok());
  call->Cancel();
}

TEST(RuntimeTest, CancelOfTheWholeBatchStopsThePass) {
  NullEngineOptions engine;
  engine.num_layers = 2000;
  engine.layer_time = absl::Milliseconds(10);  // 20 s if nobody stopped it
  const auto runtime = MakeRuntime(engine);
  Answers answers;
  const absl::Time begin = absl::Now();
  const auto call = runtime->Submit(MakeRequest("a"), answers.For("a"));
  absl::SleepFor(absl::Milliseconds(100));
  call->Cancel();
  EXPECT_EQ(answers.Wait("a").status().code(), absl::StatusCode::kCancelled);
  const auto next = runtime->Submit(MakeRequest("b"), answers.For("b"));
  absl::SleepFor(absl::Milliseconds(100));
  next->Cancel();
  EXPECT_EQ(answers.Wait("b").status().code(), absl::StatusCode::kCancelled);
  runtime->Drain(absl::InfiniteFuture());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
}

TEST(RuntimeTest, DeadlineFiresWhileTheWorkersAreBusy) {
  Gate gate;
  NullEngineOptions engine;
  engine.on_run = [&](auto) { gate.Pass(); };
  const auto runtime = MakeRuntime(engine);
  Answers answers;
  Request running = MakeRequest("running");
  running.deadline = absl::Now() + absl::Milliseconds(150);
  runtime->Submit(running, answers.For("running"));
  gate.WaitForArrivals(1);
  Request waiting = MakeRequest("waiting");
  waiting.deadline = absl::Now() + absl::Milliseconds(50);
  runtime->Submit(waiting, answers.For("waiting"));
  const absl::Status first = answers.Wait("waiting").status();
  EXPECT_EQ(first.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_NE(first.message().find("waiting for a pass"), std::string::npos) << first;
  const absl::Status second = answers.Wait("running").status();
  EXPECT_EQ(second.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_NE(second.message().find("being computed"), std::string::npos) << second;
  gate.Open();
}

TEST(RuntimeTest, DrainAnswersAllAcceptedAndRefusesTheRest) {
  NullEngineOptions engine;
  engine.layer_time = absl::Milliseconds(2);
  RuntimeOptions options;
  options.limits.max_batch_documents = 4;
  const auto runtime = MakeRuntime(engine, options);
  Answers answers;
  for (int i = 0; i < 40; ++i) {
    runtime->Submit(MakeRequest(absl::StrCat(i)), answers.For(absl::StrCat(i)));
  }
  runtime->Drain(absl::InfiniteFuture());
  EXPECT_EQ(answers.size(), 40u);
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(answers.Wait(absl::StrCat(i)).ok());
  runtime->Submit(MakeRequest("late"), answers.For("late"));
  EXPECT_EQ(answers.Wait("late").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(DetailOf(answers.Wait("late").status()).reason, "DRAINING");
}

TEST(RuntimeTest, DrainEndsWhatIsLeftAtItsDeadline) {
  NullEngineOptions engine;
  engine.num_layers = 1000;
  engine.layer_time = absl::Milliseconds(10);
  const auto runtime = MakeRuntime(engine);
  Answers answers;
  runtime->Submit(MakeRequest("a"), answers.For("a"));
  runtime->Submit(MakeRequest("b"), answers.For("b"));
  const absl::Time begin = absl::Now();
  runtime->Drain(begin + absl::Milliseconds(100));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  EXPECT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers.Wait("a").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(answers.Wait("b").status().code(), absl::StatusCode::kUnavailable);
}

TEST(RuntimeTest, CallMayOutliveTheRuntime) {
  auto runtime = MakeRuntime();
  Answers answers;
  const auto call = runtime->Submit(MakeRequest("a"), answers.For("a"));
  runtime.reset();
  EXPECT_TRUE(answers.Has("a"));
  call->Cancel();
}

TEST(RuntimeTest, PostRunsWorkOnceOrTellsWhyNot) {
  RuntimeOptions options;
  options.prepare_threads = 1;
  const auto runtime = MakeRuntime({}, options);
  Gate gate;
  std::atomic<int> ran{0};
  runtime->Post(10, absl::InfiniteFuture(), [&](absl::Status status) {
    EXPECT_TRUE(status.ok());
    gate.Pass();
    ++ran;
  });
  gate.WaitForArrivals(1);
  std::atomic<int> failed{0};
  const auto call = runtime->Post(10, absl::InfiniteFuture(), [&](absl::Status status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
    ++failed;
  });
  call->Cancel();
  while (failed == 0) absl::SleepFor(absl::Milliseconds(1));
  gate.Open();
  runtime->Drain(absl::InfiniteFuture());
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(failed, 1);
  absl::Status refused;
  runtime->Post(10, absl::InfiniteFuture(), [&](absl::Status status) { refused = status; });
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
}

TEST(RuntimeTest, VectorsTakeRoomUntilTheirCallerLetsThemGo) {
  RuntimeOptions options;
  options.limits.max_answer_bytes = 1000;
  const auto runtime = MakeRuntime({}, options);
  const auto embed = [&](int num_words, int64_t caller_takes = 0) {
    Request request = MakeRequest("a", Words(num_words));
    request.task.task = models::Task::kEmbed;
    request.task.levels = {models::EmbeddingLevel::kToken};
    request.max_answer_bytes = caller_takes;
    std::promise<absl::StatusOr<Response>> answer;
    runtime->Submit(std::move(request), [&](absl::StatusOr<Response> response) {
      answer.set_value(std::move(response));
    });
    return answer.get_future().get();
  };
  const auto detail = [](const absl::StatusOr<Response>& response) {
    EXPECT_EQ(response.status().code(), absl::StatusCode::kResourceExhausted);
    return DetailOf(response.status());
  };
  absl::StatusOr<Response> first = embed(20);  // of 8 numbers each
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(detail(embed(20)).reason, "QUEUE_FULL");
  EXPECT_GT(detail(embed(20)).retry_delay, absl::ZeroDuration());
  first = absl::UnknownError("let go");
  EXPECT_TRUE(embed(20).ok());
  EXPECT_EQ(detail(embed(50)).reason, "RESPONSE_TOO_LARGE");
  EXPECT_EQ(detail(embed(20, 600)).reason, "RESPONSE_TOO_LARGE");
  EXPECT_EQ(detail(embed(20, 600)).retry_delay, absl::ZeroDuration());
  EXPECT_TRUE(embed(20, 700).ok());
}

TEST(RuntimeTest, SameAnswerAloneAndInABatch) {
  const auto runtime = MakeRuntime();
  Answers answers;
  Request request = MakeRequest("alone", "A sentence of words. Another one.");
  request.task.explain = true;
  runtime->Submit(request, answers.For("alone"));
  const auto alone = answers.Wait("alone");
  for (int i = 0; i < 20; ++i) {
    request.id = absl::StrCat(i);
    runtime->Submit(request, answers.For(request.id));
  }
  for (int i = 0; i < 20; ++i) {
    const auto answer = answers.Wait(absl::StrCat(i));
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->result.labels[0].logit, alone->result.labels[0].logit);
    EXPECT_EQ(answer->result.sentences.size(), alone->result.sentences.size());
  }
}

TEST(RuntimeTest, LogsSizesAndTimesButNoText) {
  std::mutex mu;
  std::vector<std::string> lines;
  telemetry::SetLogSink([&](const std::string& line) {
    std::lock_guard<std::mutex> lock(mu);
    lines.push_back(line);
  });
  telemetry::SetLogLevel(telemetry::LogLevel::kInfo);
  {
    RuntimeOptions options;
    options.observers = {std::make_shared<RequestLog>()};
    const auto runtime = MakeRuntime({}, options);
    Answers answers;
    runtime->Submit(MakeRequest("a", "A secret sentence."), answers.For("a"));
    runtime->Submit(MakeRequest("b", "secret \xff"), answers.For("b"));
    EXPECT_TRUE(answers.Wait("a").ok());
    EXPECT_FALSE(answers.Wait("b").ok());
  }
  telemetry::FlushLog();
  telemetry::SetLogLevel(telemetry::LogLevel::kOff);
  telemetry::SetLogSink(nullptr);
  ASSERT_EQ(lines.size(), 2u);
  for (const std::string& line : lines) {
    EXPECT_EQ(line.find("secret"), std::string::npos) << line;
    const auto json = nlohmann::json::parse(line, nullptr, false);
    ASSERT_FALSE(json.is_discarded());
    if (json["id"] == "a") {
      EXPECT_EQ(json["tokens"], 4);
      EXPECT_EQ(json["code"], "OK");
      EXPECT_GE(json["total_ms"], 0);
    } else {
      EXPECT_EQ(json["reason"], "INVALID_DOCUMENT");
    }
  }
}

TEST(RuntimeTest, CreateRefusesNonsense) {
  const auto code = [](RuntimeOptions options, std::vector<Runtime::NamedEngine> engines) {
    return Runtime::CreateWithEngines(options, std::move(engines)).status().code();
  };
  const auto engine = MakeNullEngine();
  EXPECT_EQ(code({}, {}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({}, {{"a", engine}, {"a", engine}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({}, {{"", engine}}), absl::StatusCode::kInvalidArgument);
  RuntimeOptions options;
  options.limits.max_batch_tokens = 0;
  EXPECT_EQ(code(options, {{"a", engine}}), absl::StatusCode::kInvalidArgument);
  options = {};
  options.limits.max_queued_bytes = 10;
  EXPECT_EQ(code(options, {{"a", engine}}), absl::StatusCode::kInvalidArgument);
}

// Several threads submit, cancel, and set deadlines at random, and the drain comes in the middle:
// every request is answered exactly once (Answers fails on a second time) and nothing is lost.
TEST(RuntimeTest, StormIsAnsweredExactlyOnce) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 400;
  NullEngineOptions engine;
  engine.layer_time = absl::Microseconds(100);
  RuntimeOptions options;
  options.limits.max_queued_requests = 200;
  options.limits.max_batch_documents = 16;
  const auto runtime = MakeRuntime(engine, options);
  Answers answers;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      std::vector<std::shared_ptr<Call>> calls;
      for (int i = 0; i < kRequests; ++i) {
        const std::string id = absl::StrCat(t, "/", i);
        Request request = MakeRequest(id, Words(1 + static_cast<int>(random() % 40)));
        if (random() % 2 == 0) request.model = "second";
        if (random() % 4 == 0) {
          request.deadline = absl::Now() + absl::Microseconds(random() % 5000);
        }
        calls.push_back(runtime->Submit(std::move(request), answers.For(id)));
        if (random() % 3 == 0) calls[random() % calls.size()]->Cancel();
        if (random() % 16 == 0) absl::SleepFor(absl::Milliseconds(1));
      }
    });
  }
  absl::SleepFor(absl::Milliseconds(20));
  std::thread drainer([&] {
    absl::SleepFor(absl::Milliseconds(60));
    runtime->Drain(absl::Now() + absl::Milliseconds(30));
  });
  for (std::thread& thread : threads) thread.join();
  drainer.join();
  runtime->Drain(absl::InfiniteFuture());
  EXPECT_EQ(answers.size(), static_cast<size_t>(kThreads * kRequests));
  std::map<absl::StatusCode, int> codes;
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kRequests; ++i) {
      ++codes[answers.Wait(absl::StrCat(t, "/", i)).status().code()];
    }
  }
  EXPECT_GT(codes[absl::StatusCode::kOk], 0);
  EXPECT_GT(codes[absl::StatusCode::kCancelled], 0);
  EXPECT_EQ(codes[absl::StatusCode::kInternal], 0);
  EXPECT_EQ(codes[absl::StatusCode::kUnknown], 0);
}

}  // namespace
}  // namespace strata::runtime
