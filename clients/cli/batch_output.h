// The results of a batch as JSON Lines that outlive a crash: whole lines are appended and synced; a
// new run finds what an earlier one left, drops a line that was torn, and goes on behind it.
#ifndef STRATA_CLIENTS_CLI_BATCH_OUTPUT_H_
#define STRATA_CLIENTS_CLI_BATCH_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cli/json_output.h"

namespace strata::cli {

// What decides the answers of a run; it stands in each line, so that no file mixes two.
struct BatchSettings {
  std::string model;              // that answers
  Json options = Json::object();  // flag without its dashes → value
};

// Used by one thread at a time.
class BatchOutput {
 public:
  // Creates `path` or takes up what is there; "-" is the standard output, where nothing can be
  // taken up. It is locked while this object lives. With `retry_failed` the lines of documents that
  // failed are taken out (the file is written anew and put in place whole), so that they count as
  // not done. FAILED_PRECONDITION: another process writes it; a line was written with other
  // settings (says which). INVALID_ARGUMENT: a line (not the last) is no result of a batch; no
  // regular file. Where it fails, the file is left as it is.
  static absl::StatusOr<std::unique_ptr<BatchOutput>> Open(const std::string& path,
                                                           const BatchSettings& settings,
                                                           bool retry_failed);
  ~BatchOutput();
  BatchOutput(const BatchOutput&) = delete;
  BatchOutput& operator=(const BatchOutput&) = delete;

  // Whether an earlier run answered the item; see KeyOf.
  bool IsDone(const std::string& key) const { return done_.count(key) > 0; }
  std::int64_t num_done() const { return static_cast<std::int64_t>(done_.size()); }
  std::int64_t num_failed() const { return num_failed_; }        // of these
  std::int64_t num_retried() const { return num_retried_; }      // taken out
  std::int64_t dropped_bytes() const { return dropped_bytes_; }  // of a torn last line

  // Writes `result` with the settings in one piece; on the disk for certain within a second, or
  // after Sync.
  absl::Status Append(Json result);
  absl::Status Sync();

  // What names an item: the line number in a JSON Lines input (ids may repeat there), else the id.
  static std::string KeyOf(const std::string& id, std::int64_t line);

 private:
  // Bytes of the file, from `begin` to before `end`.
  struct Range {
    std::int64_t begin, end;
  };

  BatchOutput(std::string path, int file, const BatchSettings& settings)
      : path_(std::move(path)), file_(file), settings_(settings) {}
  absl::Status TakeUp(bool retry_failed);
  // One whole line that is no zeros. False: it is no result.
  absl::StatusOr<bool> TakeUpLine(std::string_view line, std::int64_t line_number, bool& is_failed);
  absl::Status CheckSettings(const Json& line, std::int64_t line_number) const;
  absl::Status TakeOut(const std::vector<Range>& lines, std::int64_t size);
  absl::Status NoResult(std::int64_t line_number) const;

  const std::string path_;
  int file_;
  const BatchSettings settings_;
  std::unordered_set<std::string> done_;
  std::vector<std::string> failed_keys_;  // of these
  std::int64_t num_failed_ = 0;
  std::int64_t num_retried_ = 0;
  std::int64_t dropped_bytes_ = 0;
  absl::Time synced_ = absl::InfinitePast();
};

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_BATCH_OUTPUT_H_
