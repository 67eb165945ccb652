// What one version of a model has done since it was loaded: sums that a client reads twice and
// subtracts.
#ifndef STRATA_SERVICES_RUNTIME_MODEL_STATISTICS_H_
#define STRATA_SERVICES_RUNTIME_MODEL_STATISTICS_H_

#include <cstdint>
#include <map>
#include <mutex>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace strata::runtime {

struct DurationSum {
  int64_t count = 0;
  absl::Duration total;
  void Add(absl::Duration duration) {
    ++count;
    total += duration;
  }
};

struct StatisticsSnapshot {
  // Documents, from arrival to answer. A failure is whatever was not answered with a result:
  // refused, failed, late or cancelled.
  DurationSum success, failure;
  // Of the successes that went through the model: waiting, reading and tokenizing, in a pass.
  DurationSum queue, prepare, compute;
  DurationSum cache_hit, cache_miss;
  absl::Time last_answer = absl::UnixEpoch();
  int64_t num_passes = 0;
  std::map<int64_t, DurationSum> passes;  // by the documents in them
};

// Thread-safe.
class ModelStatistics {
 public:
  void Answered(absl::Duration queue, absl::Duration prepare, absl::Duration compute,
                absl::Duration total) {
    std::lock_guard<std::mutex> lock(mu_);
    sums_.success.Add(total);
    sums_.queue.Add(queue);
    sums_.prepare.Add(prepare);
    sums_.compute.Add(compute);
    sums_.last_answer = absl::Now();
  }
  void Failed(absl::Duration total) {
    std::lock_guard<std::mutex> lock(mu_);
    sums_.failure.Add(total);
  }
  void Ran(int64_t num_documents, absl::Duration duration) {
    std::lock_guard<std::mutex> lock(mu_);
    ++sums_.num_passes;
    sums_.passes[num_documents].Add(duration);
  }
  // An answer that came from the cache, in place of Answered.
  void Hit(absl::Duration total) {
    std::lock_guard<std::mutex> lock(mu_);
    sums_.success.Add(total);
    sums_.cache_hit.Add(total);
    sums_.last_answer = absl::Now();
  }
  // An answer that had to be computed though it was looked up; beside Answered.
  void Missed(absl::Duration total) {
    std::lock_guard<std::mutex> lock(mu_);
    sums_.cache_miss.Add(total);
  }
  StatisticsSnapshot snapshot() const {
    std::lock_guard<std::mutex> lock(mu_);
    return sums_;
  }

 private:
  mutable std::mutex mu_;
  StatisticsSnapshot sums_;
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_MODEL_STATISTICS_H_
