#include "sdk/client/retry.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "strata/error.h"

namespace strata::internal {

absl::Time Clock::Now() { return absl::Now(); }
void Clock::Sleep(absl::Duration duration) { absl::SleepFor(duration); }

std::uint32_t JitterSeed() {
  static thread_local std::mt19937 generator{std::random_device{}()};
  return static_cast<std::uint32_t>(generator());
}

std::optional<absl::Duration> Backoff::Next(const absl::Status& error, absl::Time now,
                                            absl::Time deadline) {
  if (!IsRetryable(error)) {
    stopped_because_ = "the last error is permanent";
    return std::nullopt;
  }
  if (attempts_ >= policy_.max_attempts) {
    stopped_because_ = "no attempt left";
    return std::nullopt;
  }
  absl::Duration wait = std::min(
      policy_.max_backoff, policy_.initial_backoff * std::pow(policy_.multiplier, attempts_ - 1));
  wait *= 1.0 + policy_.jitter * std::uniform_real_distribution<double>(-1.0, 1.0)(random_);
  // The service knows better when it has room; its wish is a minimum that no jitter shortens.
  if (const auto wish = RetryDelay(error); wish.has_value()) wait = std::max(wait, *wish);
  if (now + wait >= deadline) {
    stopped_because_ = "the deadline leaves no room for another";
    return std::nullopt;
  }
  ++attempts_;
  return wait;
}

absl::Status Backoff::Explain(const absl::Status& error) const {
  if (attempts_ == 1) return error;
  absl::Status explained(error.code(), absl::StrCat(error.message(), " (after ", attempts_,
                                                    " attempts; ", stopped_because_, ")"));
  error.ForEachPayload(
      [&](auto url, const absl::Cord& payload) { explained.SetPayload(url, payload); });
  return explained;
}

}  // namespace strata::internal
