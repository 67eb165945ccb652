#include "clients/cli/batch_output.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

namespace strata::cli {
namespace {

absl::Status SystemError(const std::string& path, const char* what) {
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": ", what));
}

// A new file's name must be on the disk, too.
void SyncFolderOf(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

struct Answered {
  std::string key;
  bool failed;
};

std::optional<Answered> ParseLine(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto id = json.find("id");
  const auto status = json.find("status");
  const auto number = json.find("line");
  if (id == json.end() || !id->is_string() || status == json.end() || !status->is_string()) {
    return std::nullopt;
  }
  if (number != json.end() && !number->is_number_integer()) return std::nullopt;
  return Answered{BatchOutput::KeyOf(id->get<std::string>(),
                                     number != json.end() ? number->get<std::int64_t>() : 0),
                  status->get<std::string>() != "OK"};
}

// What some file systems leave of an append that a power cut interrupted.
bool IsZeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// Whether a cut line can be the beginning of a result.
bool BeginsResult(std::string_view line) {
  constexpr std::string_view kBegin = "{\"id\":";
  return line.substr(0, kBegin.size()) == kBegin.substr(0, std::min(line.size(), kBegin.size()));
}

}  // namespace

std::string BatchOutput::KeyOf(const std::string& id, std::int64_t line) {
  return line > 0 ? absl::StrCat("line ", line) : absl::StrCat("id ", id);
}

absl::Status BatchOutput::NoResult(std::int64_t line_number) const {
  return absl::InvalidArgumentError(absl::StrCat(
      path_, " line ", line_number, ": is no result of `strata batch`; give another OUT"));
}

absl::StatusOr<std::unique_ptr<BatchOutput>> BatchOutput::Open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return SystemError(path, "cannot be opened for writing");
  std::unique_ptr<BatchOutput> output(new BatchOutput(path, file));
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": another batch is writing it; wait for it or give another OUT"));
  }
  if (absl::Status status = output->TakeUp(); !status.ok()) return status;
  SyncFolderOf(path);
  return output;
}

BatchOutput::~BatchOutput() {
  ::fdatasync(file_);
  ::close(file_);
}

// Reads what is there line by line; memory grows with the items only.
absl::Status BatchOutput::TakeUp() {
  std::string pending;  // a line that is not complete yet
  std::int64_t pending_begin = 0;
  std::int64_t line_number = 0;
  std::optional<std::int64_t> torn_at;
  std::string buffer(std::size_t{1} << 20, '\0');
  std::int64_t position = 0;
  while (true) {
    const ssize_t size = ::pread(file_, buffer.data(), buffer.size(), position);
    if (size < 0) return SystemError(path_, "cannot be read");
    if (size == 0) break;
    position += size;
    pending.append(buffer, 0, static_cast<std::size_t>(size));
    std::size_t begin = 0;
    for (std::size_t end; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
      ++line_number;
      if (torn_at.has_value()) return NoResult(line_number - 1);
      // A line that was written to its end is a result, or (after a power cut) zeros; anything else
      // is a file of some other kind, which must not be shortened.
      const std::string_view complete = std::string_view(pending).substr(begin, end - begin);
      const auto answered = ParseLine(complete);
      if (!answered.has_value()) {
        if (!IsZeros(complete)) return NoResult(line_number);
        torn_at = pending_begin + static_cast<std::int64_t>(begin);  // right only if it is the last
      } else if (done_.insert(answered->key).second && answered->failed) {
        ++num_failed_;
      }
    }
    pending.erase(0, begin);
    pending_begin += static_cast<std::int64_t>(begin);
  }
  if (torn_at.has_value() && !pending.empty() && !IsZeros(pending)) return NoResult(line_number);
  if (!pending.empty() && !IsZeros(pending) && done_.empty() && !BeginsResult(pending)) {
    return NoResult(line_number + 1);
  }
  const std::int64_t whole = torn_at.value_or(pending_begin);
  dropped_bytes_ = position - whole;
  if (dropped_bytes_ > 0 && ::ftruncate(file_, whole) != 0) {
    return SystemError(path_, "a torn last line cannot be removed");
  }
  return absl::OkStatus();
}

absl::Status BatchOutput::Append(const std::string& line) {
  std::string bytes = line + '\n';
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t written = ::write(file_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(path_, "cannot be written");
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  if (absl::Now() - synced_ < absl::Seconds(1)) return absl::OkStatus();
  return Sync();
}

absl::Status BatchOutput::Sync() {
  synced_ = absl::Now();
  if (::fdatasync(file_) != 0 && errno != EINVAL) return SystemError(path_, "cannot be synced");
  return absl::OkStatus();
}

}  // namespace strata::cli
