// How many calls of our own methods are not yet done, so that a drain can wait for them and for
// nothing else (a client that watches the health service never ends its call by itself).
#ifndef STRATA_SERVICES_GRPC_ACTIVE_CALLS_H_
#define STRATA_SERVICES_GRPC_ACTIVE_CALLS_H_

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "absl/time/time.h"
#include "services/telemetry/steady_time.h"

namespace strata::service {

// Thread-safe.
class ActiveCalls {
 public:
  void Begin() {
    std::lock_guard<std::mutex> lock(mu_);
    ++num_calls_;
  }
  void End() {
    std::lock_guard<std::mutex> lock(mu_);
    if (--num_calls_ == 0) none_.notify_all();
  }
  // Blocks until there is none, or until `deadline`.
  void WaitUntilNone(absl::Time deadline) {
    std::unique_lock<std::mutex> lock(mu_);
    const absl::Duration left =
        std::clamp(deadline - telemetry::SteadyNow(), absl::ZeroDuration(), absl::Hours(24));
    none_.wait_for(lock, absl::ToChronoNanoseconds(left), [this] { return num_calls_ == 0; });
  }

 private:
  std::mutex mu_;
  std::condition_variable none_;
  int64_t num_calls_ = 0;
};

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_ACTIVE_CALLS_H_
