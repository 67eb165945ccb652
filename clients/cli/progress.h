// How far a long command is: a bar that redraws itself on a terminal, a plain line now and then
// elsewhere. On stderr.
#ifndef STRATA_CLIENTS_CLI_PROGRESS_H_
#define STRATA_CLIENTS_CLI_PROGRESS_H_

#include <cstdint>
#include <mutex>
#include <string>

#include "absl/time/time.h"

namespace strata::cli {

// What has been done since the start of this run, of what there is to do.
struct ProgressState {
  std::int64_t done_before = 0;  // documents, by an earlier run
  std::int64_t done = 0;         // documents, now
  std::int64_t total = 0;        // documents, earlier ones included
  std::int64_t failed = 0;       // of `done`
  std::int64_t bytes_done = 0;   // of `done`
  std::int64_t bytes_total = 0;  // to be done by this run; 0 = unknown
  double seconds = 0;            // of this run
};

// "120/200 docs  34.1 docs/s  1.2 MB/s  0:12 left  2 failed". The time left goes by bytes where
// they are known, because documents differ.
std::string ProgressText(const ProgressState& state);

// Thread-safe.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine() { End(); }

  // Draws at most ten times a second on a terminal, every five seconds elsewhere; `last` always.
  void Show(double share, const std::string& text, bool last = false);
  void Show(const ProgressState& state, bool last = false);
  // Takes the bar away so that a message can be printed.
  void Clear();
  // Leaves the bar as it is and ends its line.
  void End();

 private:
  const bool quiet_;
  const bool terminal_;
  std::mutex mutex_;
  absl::Time shown_ = absl::InfinitePast();
  bool drawn_ = false;
};

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_PROGRESS_H_
