#include "sdk/client/many_driver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <vector>

#include "strata/error.h"

namespace strata::internal {
namespace {

// Answers by a function of its own thread; records what was asked.
class FakeTransport final : public ManyDriver::Transport {
 public:
  struct Shared {
    std::mutex mutex;
    std::vector<std::string> sent;  // ids, in the order sent
    std::set<std::uint64_t> abandoned;
    bool cancelled = false;
    ManyDriver::Answer answer;
    // What to do with a document; may answer at once, later, or never.
    std::function<void(std::uint64_t ticket, const DocumentInput& document)> on_send;
  };
  explicit FakeTransport(Shared& shared) : shared_(shared) {}
  void Start(ManyDriver::Answer answer) override { shared_.answer = std::move(answer); }
  void Send(std::uint64_t ticket, const DocumentInput& document, absl::Time) override {
    {
      std::lock_guard<std::mutex> lock(shared_.mutex);
      shared_.sent.push_back(document.id());
    }
    if (shared_.on_send) shared_.on_send(ticket, document);
  }
  void Abandon(std::uint64_t ticket) override {
    std::lock_guard<std::mutex> lock(shared_.mutex);
    shared_.abandoned.insert(ticket);
  }
  void Cancel() override {
    std::lock_guard<std::mutex> lock(shared_.mutex);
    shared_.cancelled = true;
  }

 private:
  Shared& shared_;
};

class ManyDriverTest : public testing::Test {
 protected:
  std::unique_ptr<ManyDriver> Start(int num_documents, std::size_t size = 1) {
    return std::make_unique<ManyDriver>(
        std::make_unique<FakeTransport>(shared_),
        [this, num_documents, size]() -> std::optional<DocumentInput> {
          if (taken_ == num_documents) return std::nullopt;
          return DocumentInput::FromBytes(std::string(size, 'x')).set_id(std::to_string(taken_++));
        },
        [this](const std::string& id, absl::StatusOr<ClassifyResult> result) {
          if (on_result_) on_result_(id);
          std::lock_guard<std::mutex> lock(shared_.mutex);
          if (result.ok()) {
            EXPECT_EQ(result->id, id);
          }
          answers_.emplace_back(id, result.status());
        },
        options_, std::make_shared<Clock>());
  }
  ClassifyManyOptions FastRetries(int max_attempts) {
    ClassifyManyOptions options;
    options.retry = {max_attempts, absl::Milliseconds(1), absl::Milliseconds(2), 1, 0};
    return options;
  }

  ClassifyManyOptions options_;
  FakeTransport::Shared shared_;
  std::atomic<int> taken_ = 0;
  std::function<void(const std::string&)> on_result_;
  std::vector<std::pair<std::string, absl::Status>> answers_;
};

TEST_F(ManyDriverTest, EveryDocumentIsAnsweredOnce) {
  shared_.on_send = [this](std::uint64_t ticket, const DocumentInput&) {
    shared_.answer(ticket, ClassifyResult{});
    shared_.answer(ticket, ClassifyResult{});  // said twice: ignored
  };
  auto stream = Start(1000);
  EXPECT_TRUE(stream->Wait().ok());
  std::set<std::string> ids;
  for (const auto& [id, status] : answers_) {
    EXPECT_TRUE(status.ok());
    ids.insert(id);
  }
  EXPECT_EQ(answers_.size(), 1000);
  EXPECT_EQ(ids.size(), 1000);
}

TEST_F(ManyDriverTest, NoDocumentsEndAtOnce) { EXPECT_TRUE(Start(0)->Wait().ok()); }

TEST_F(ManyDriverTest, TakesNoMoreThanMayBeInFlight) {
  options_.max_in_flight = 3;
  std::vector<std::uint64_t> tickets;
  shared_.on_send = [&](std::uint64_t ticket, const DocumentInput&) {
    std::lock_guard<std::mutex> lock(shared_.mutex);
    tickets.push_back(ticket);
  };
  auto stream = Start(100);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(taken_, 3);
  std::uint64_t first;
  {
    std::lock_guard<std::mutex> lock(shared_.mutex);
    ASSERT_EQ(tickets.size(), 3);
    first = tickets[0];
  }
  shared_.answer(first, ClassifyResult{});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(taken_, 4);
}

TEST_F(ManyDriverTest, BytesInFlightAreBoundedButOneAlwaysGoes) {
  options_.max_in_flight_bytes = 250;
  auto stream = Start(100, /*size=*/100);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::lock_guard<std::mutex> lock(shared_.mutex);
  EXPECT_EQ(shared_.sent.size(), 2);
}

TEST_F(ManyDriverTest, ADocumentOverTheBoundGoesAlone) {
  options_.max_in_flight_bytes = 10;
  shared_.on_send = [this](std::uint64_t ticket, const DocumentInput&) {
    shared_.answer(ticket, ClassifyResult{});
  };
  EXPECT_TRUE(Start(3, /*size=*/100)->Wait().ok());
  EXPECT_EQ(answers_.size(), 3);
}

TEST_F(ManyDriverTest, ASlowCallbackHoldsBackTheSource) {
  options_.max_in_flight = 2;
  std::atomic<bool> go = false;
  on_result_ = [&](const std::string&) {
    while (!go) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  shared_.on_send = [this](std::uint64_t ticket, const DocumentInput&) {
    shared_.answer(ticket, ClassifyResult{});
  };
  auto stream = Start(50);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(taken_, 2);
  go = true;
  EXPECT_TRUE(stream->Wait().ok());
  EXPECT_EQ(answers_.size(), 50);
}

TEST_F(ManyDriverTest, TransientErrorsAreSentAgain) {
  options_ = FastRetries(5);
  std::map<std::string, int> attempts;
  shared_.on_send = [&](std::uint64_t ticket, const DocumentInput& document) {
    if (++attempts[document.id()] < 3) {
      shared_.answer(ticket, absl::UnavailableError("restarting"));
    } else {
      shared_.answer(ticket, ClassifyResult{});
    }
  };
  EXPECT_TRUE(Start(20)->Wait().ok());
  EXPECT_EQ(answers_.size(), 20);
  for (const auto& [id, status] : answers_) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(shared_.sent.size(), 60);
}

TEST_F(ManyDriverTest, PermanentErrorsAndUsedUpAttemptsAreAnswers) {
  options_ = FastRetries(2);
  shared_.on_send = [&](std::uint64_t ticket, const DocumentInput& document) {
    shared_.answer(ticket, document.id() == "0" ? absl::InvalidArgumentError("bad")
                                                : absl::UnavailableError("down"));
  };
  EXPECT_TRUE(Start(2)->Wait().ok());
  ASSERT_EQ(answers_.size(), 2);
  EXPECT_EQ(answers_[0].second, absl::InvalidArgumentError("bad"));
  EXPECT_EQ(answers_[1].second, absl::UnavailableError("down (after 2 attempts; no attempt left)"));
  EXPECT_EQ(shared_.sent, (std::vector<std::string>{"0", "1", "1"}));
}

TEST_F(ManyDriverTest, NoAnswerInTimeIsAnError) {
  options_.document_timeout = absl::Milliseconds(30);
  EXPECT_TRUE(Start(2)->Wait().ok());
  ASSERT_EQ(answers_.size(), 2);
  for (const auto& [id, status] : answers_) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  }
  EXPECT_EQ(shared_.abandoned, (std::set<std::uint64_t>{1, 2}));
}

TEST_F(ManyDriverTest, DestructionCancels) {
  options_.max_in_flight = 4;
  {
    auto stream = Start(1000);
    while (true) {
      std::lock_guard<std::mutex> lock(shared_.mutex);
      if (shared_.sent.size() == 4) break;
    }
  }
  EXPECT_TRUE(shared_.cancelled);
  EXPECT_EQ(taken_, 4);
  ASSERT_EQ(answers_.size(), 4);
  for (const auto& [id, status] : answers_) EXPECT_TRUE(absl::IsCancelled(status));
}

TEST_F(ManyDriverTest, CancelInsideACallbackEndsTheStream) {
  std::unique_ptr<ManyDriver> stream;
  std::atomic<bool> ready = false;
  on_result_ = [&](const std::string&) {
    while (!ready) std::this_thread::yield();
    stream->Cancel();
  };
  shared_.on_send = [this](std::uint64_t ticket, const DocumentInput&) {
    shared_.answer(ticket, ClassifyResult{});
  };
  stream = Start(100'000);
  ready = true;
  EXPECT_TRUE(absl::IsCancelled(stream->Wait()));
  EXPECT_LT(answers_.size(), 100'000);
}

}  // namespace
}  // namespace strata::internal
