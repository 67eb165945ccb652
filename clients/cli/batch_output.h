// The results of a batch as JSON Lines that outlive a crash: whole lines are appended and synced; a
// new run finds what an earlier one left, drops a line that was torn, and goes on behind it.
#ifndef STRATA_CLIENTS_CLI_BATCH_OUTPUT_H_
#define STRATA_CLIENTS_CLI_BATCH_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace strata::cli {

// Used by one thread at a time.
class BatchOutput {
 public:
  // Creates `path` or takes up what is there. It is locked while this object lives.
  // FAILED_PRECONDITION: another process writes it. INVALID_ARGUMENT: a line (not the last) is no
  // result of a batch; the file is left as it is.
  static absl::StatusOr<std::unique_ptr<BatchOutput>> Open(const std::string& path);
  ~BatchOutput();
  BatchOutput(const BatchOutput&) = delete;
  BatchOutput& operator=(const BatchOutput&) = delete;

  // Whether an earlier run answered the item; see KeyOf.
  bool IsDone(const std::string& key) const { return done_.count(key) > 0; }
  std::int64_t num_done() const { return static_cast<std::int64_t>(done_.size()); }
  std::int64_t num_failed() const { return num_failed_; }        // of these
  std::int64_t dropped_bytes() const { return dropped_bytes_; }  // of a torn last line

  // Writes `line` and its end in one piece; on the disk for certain within a second, or after Sync.
  absl::Status Append(const std::string& line);
  absl::Status Sync();

  // What names an item: the line number in a JSON Lines input (ids may repeat there), else the id.
  static std::string KeyOf(const std::string& id, std::int64_t line);

 private:
  BatchOutput(std::string path, int file) : path_(std::move(path)), file_(file) {}
  absl::Status TakeUp();
  absl::Status NoResult(std::int64_t line_number) const;

  const std::string path_;
  const int file_;
  std::unordered_set<std::string> done_;
  std::int64_t num_failed_ = 0;
  std::int64_t dropped_bytes_ = 0;
  absl::Time synced_ = absl::InfinitePast();
};

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_BATCH_OUTPUT_H_
