// When to try a failed call again, and the loop that does so. Time is handed in, so that tests do
// not wait.
#ifndef STRATA_SDK_CLIENT_RETRY_H_
#define STRATA_SDK_CLIENT_RETRY_H_

#include <optional>
#include <random>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "strata/export.h"
#include "strata/options.h"

namespace strata::internal {

// Safe from many threads.
class STRATA_API Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now();
  virtual void Sleep(absl::Duration duration);
};

// One call's attempts. Not thread-safe.
class STRATA_API Backoff {
 public:
  // `seed` spreads the jitter of many clients.
  Backoff(const RetryPolicy& policy, std::uint32_t seed) : policy_(policy), random_(seed) {}

  // The attempt that started last failed with `error`: how long to wait before the next one, or
  // nothing if there must be none (permanent error, attempts used up, no room before `deadline`).
  std::optional<absl::Duration> Next(const absl::Status& error, absl::Time now,
                                     absl::Time deadline);
  int attempts() const { return attempts_; }
  // `error` with what was tried added to its message; unchanged if there was one attempt only.
  absl::Status Explain(const absl::Status& error) const;

 private:
  RetryPolicy policy_;
  std::mt19937 random_;
  int attempts_ = 1;
  const char* stopped_because_ = "";
};

STRATA_API std::uint32_t JitterSeed();

// Calls `attempt` until it succeeds, fails for good, or `deadline` leaves no room. An attempt must
// itself end by the deadline.
template <typename T>
absl::StatusOr<T> RetryCall(const RetryPolicy& policy, absl::Time deadline, Clock& clock,
                            absl::FunctionRef<absl::StatusOr<T>()> attempt) {
  Backoff backoff(policy, JitterSeed());
  while (true) {
    absl::StatusOr<T> result = attempt();
    if (result.ok()) return result;
    const std::optional<absl::Duration> wait = backoff.Next(result.status(), clock.Now(), deadline);
    if (!wait.has_value()) return backoff.Explain(result.status());
    clock.Sleep(*wait);
  }
}

}  // namespace strata::internal

#endif  // STRATA_SDK_CLIENT_RETRY_H_
