#include "sdk/client/retry.h"

#include <gtest/gtest.h>

#include <vector>

#include "strata/error.h"

namespace strata::internal {
namespace {

// Time that passes only by sleeping.
class FakeClock final : public Clock {
 public:
  absl::Time Now() override { return now_; }
  void Sleep(absl::Duration duration) override {
    sleeps.push_back(duration);
    now_ += duration;
  }
  void Advance(absl::Duration duration) { now_ += duration; }

  std::vector<absl::Duration> sleeps;

 private:
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

RetryPolicy NoJitter(int max_attempts) {
  RetryPolicy policy;
  policy.max_attempts = max_attempts;
  policy.jitter = 0;
  return policy;
}

absl::Status Full(absl::Duration delay) {
  absl::Status status = absl::ResourceExhaustedError("queue full");
  SetRetryDelay(delay, status);
  SetErrorReason("QUEUE_FULL", status);
  return status;
}

TEST(RetryTest, TransientFailuresThenSuccess) {
  FakeClock clock;
  int calls = 0;
  const auto result = RetryCall<int>(NoJitter(5), clock.Now() + absl::Seconds(30), clock,
                                     [&]() -> absl::StatusOr<int> {
                                       if (++calls < 4) return absl::UnavailableError("down");
                                       return 7;
                                     });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, 7);
  EXPECT_EQ(clock.sleeps, (std::vector{absl::Milliseconds(100), absl::Milliseconds(200),
                                       absl::Milliseconds(400)}));
}

TEST(RetryTest, PermanentFailureIsNotRetried) {
  FakeClock clock;
  int calls = 0;
  const auto result =
      RetryCall<int>(NoJitter(5), absl::InfiniteFuture(), clock, [&]() -> absl::StatusOr<int> {
        ++calls;
        return absl::InvalidArgumentError("not UTF-8 at byte 3");
      });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(result.status(), absl::InvalidArgumentError("not UTF-8 at byte 3"));
}

TEST(RetryTest, ResourceExhaustedOnlyWithTheServicesInvitation) {
  FakeClock clock;
  int calls = 0;
  const auto refused =
      RetryCall<int>(NoJitter(5), absl::InfiniteFuture(), clock, [&]() -> absl::StatusOr<int> {
        ++calls;
        return absl::ResourceExhaustedError("document too large");
      });
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status()));

  calls = 0;
  const auto invited =
      RetryCall<int>(NoJitter(5), absl::InfiniteFuture(), clock, [&]() -> absl::StatusOr<int> {
        if (++calls == 1) return Full(absl::Seconds(2));
        return calls;
      });
  ASSERT_TRUE(invited.ok());
  EXPECT_EQ(clock.sleeps, std::vector{absl::Seconds(2)});  // not the shorter back-off
}

TEST(RetryTest, AttemptsAreCounted) {
  FakeClock clock;
  int calls = 0;
  const auto result =
      RetryCall<int>(NoJitter(3), absl::InfiniteFuture(), clock, [&]() -> absl::StatusOr<int> {
        ++calls;
        return Full(absl::Milliseconds(1));
      });
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(result.status().message(), "queue full (after 3 attempts; no attempt left)");
  EXPECT_EQ(ErrorReason(result.status()), "QUEUE_FULL");
}

TEST(RetryTest, RetriesNeverReachPastTheDeadline) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  const absl::Time deadline = start + absl::Seconds(30);
  int calls = 0;
  const auto result = RetryCall<int>(NoJitter(1000), deadline, clock, [&]() -> absl::StatusOr<int> {
    ++calls;
    clock.Advance(absl::Milliseconds(500));
    return absl::UnavailableError("down");
  });
  EXPECT_TRUE(absl::IsUnavailable(result.status()));
  EXPECT_LE(clock.Now(), deadline);
  EXPECT_GT(clock.Now(), deadline - absl::Seconds(6));  // but it was used: max_backoff is 5 s
  EXPECT_GT(calls, 5);
}

TEST(RetryTest, ALongWishEndsTheCallAtOnce) {
  FakeClock clock;
  const auto result =
      RetryCall<int>(NoJitter(5), clock.Now() + absl::Seconds(30), clock,
                     []() -> absl::StatusOr<int> { return Full(absl::Minutes(10)); });
  EXPECT_TRUE(absl::IsResourceExhausted(result.status()));
  EXPECT_TRUE(clock.sleeps.empty());
}

TEST(RetryTest, JitterStaysInItsShareAndDiffers) {
  RetryPolicy policy = NoJitter(2);
  policy.jitter = 0.2;
  absl::Duration least = absl::InfiniteDuration(), most;
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    Backoff backoff(policy, seed);
    const auto wait =
        backoff.Next(absl::UnavailableError(""), absl::UnixEpoch(), absl::InfiniteFuture());
    ASSERT_TRUE(wait.has_value());
    least = std::min(least, *wait);
    most = std::max(most, *wait);
  }
  EXPECT_GE(least, absl::Milliseconds(80));
  EXPECT_LE(most, absl::Milliseconds(120));
  EXPECT_LT(least, absl::Milliseconds(90));
  EXPECT_GT(most, absl::Milliseconds(110));
}

}  // namespace
}  // namespace strata::internal
