// Sends documents to a service at a chosen pace and measures what comes back.
#ifndef STRATA_CLIENTS_CLI_LOAD_RUN_H_
#define STRATA_CLIENTS_CLI_LOAD_RUN_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "strata/client.h"

namespace strata::cli {

// Times in buckets that grow by 2 %, so that memory does not grow with the run.
class TimeHistogram {
 public:
  void Add(absl::Duration time);
  void Add(const TimeHistogram& other);
  // The time that `share` (0..1) of all are at or below, within 2 %; zero if there is none.
  absl::Duration Quantile(double share) const;

 private:
  static constexpr int kNumBuckets = 1024;  // 10 µs to about an hour and a half
  std::array<std::int64_t, kNumBuckets> counts_{};
  std::int64_t num_ = 0;
};

struct LoadOptions {
  std::string model;
  int in_flight = 8;  // calls at once, at most
  double rate = 0;    // calls begun a second, whatever comes back; 0 = the next as one is done
  absl::Duration length = absl::Seconds(10);
  absl::Duration window = absl::Seconds(1);
  absl::Duration timeout = absl::Seconds(30);
  double embed_share = 0;   // of the calls ask for vectors of every sentence instead of a class
  double cancel_share = 0;  // of the calls are given up after a few milliseconds
};

struct LoadCounts {
  double seconds = 0;
  std::int64_t ok = 0;
  std::int64_t refused = 0;   // RESOURCE_EXHAUSTED and UNAVAILABLE
  std::int64_t hinted = 0;    // of `refused`: with a wait before the next attempt
  std::int64_t given_up = 0;  // by us: cancel_share
  std::int64_t failed = 0;    // every other error
  std::int64_t late = 0;      // begun behind the pace of `rate`, because in_flight were out
  std::int64_t bytes = 0;     // of the documents answered
  std::map<std::string, std::int64_t> errors;  // "CODE REASON", how many
  TimeHistogram times;                         // of the answered

  void Add(const LoadCounts& other);
};

// Blocks for `options.length` and until the last call has ended. `on_window` is told what each
// window brought, on one thread. `documents` are sent round and round; not empty.
LoadCounts RunLoad(const Client& client, const std::vector<DocumentInput>& documents,
                   const LoadOptions& options,
                   absl::FunctionRef<void(const LoadCounts& window)> on_window);

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_LOAD_RUN_H_
