#include "clients/cli/batch_output.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

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

// "--top-k was 3, is 5", of the first that differs; an option that was not set has no entry.
std::string Difference(const Json& before, const Json& now) {
  Json all = before;
  all.update(now);
  for (const auto& [name, value] : all.items()) {
    const auto shown = [&name = name](const Json& options) {
      const auto found = options.find(name);
      return found == options.end() ? std::string("not set") : found->dump();
    };
    const std::string was = shown(before), is = shown(now);
    if (was != is) return absl::StrCat("with --", name, " ", was, ", now it is ", is);
  }
  return "";
}

absl::Status WriteAll(int file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(path, "cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

// Copies bytes of one file to the end of another.
absl::Status Copy(int from, std::int64_t begin, std::int64_t end, int to, const std::string& path) {
  std::string buffer(std::size_t{1} << 20, '\0');
  while (begin < end) {
    const auto wanted =
        std::min<std::int64_t>(end - begin, static_cast<std::int64_t>(buffer.size()));
    const ssize_t size = ::pread(from, buffer.data(), static_cast<std::size_t>(wanted), begin);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return SystemError(path, "cannot be read");
    const auto read = static_cast<std::size_t>(size);
    if (absl::Status status = WriteAll(to, std::string_view(buffer).substr(0, read), path);
        !status.ok()) {
      return status;
    }
    begin += size;
  }
  return absl::OkStatus();
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
      path_, ", line ", line_number, ": is no result of `strata batch`; give another OUT"));
}

absl::StatusOr<std::unique_ptr<BatchOutput>> BatchOutput::Open(const std::string& path,
                                                               const BatchSettings& settings,
                                                               bool retry_failed) {
  if (path == "-") {
    const int file = ::dup(STDOUT_FILENO);
    if (file < 0) return SystemError("standard output", "cannot be opened for writing");
    return std::unique_ptr<BatchOutput>(new BatchOutput("standard output", file, settings));
  }
  if (absl::EndsWith(path, ".gz")) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": results are not compressed; give a name without .gz"));
  }
  struct stat info = {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     ": is no regular file, from which a batch could go on; give another OUT, "
                     "or - for the standard output"));
  }
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return SystemError(path, "cannot be opened for writing");
  std::unique_ptr<BatchOutput> output(new BatchOutput(path, file, settings));
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": another batch is writing it; wait for it or give another OUT"));
  }
  if (absl::Status status = output->TakeUp(retry_failed); !status.ok()) return status;
  SyncFolderOf(path);
  return output;
}

BatchOutput::~BatchOutput() {
  ::fdatasync(file_);
  ::close(file_);
}

// Reads what is there line by line; memory grows with the items only.
absl::Status BatchOutput::TakeUp(bool retry_failed) {
  std::vector<Range> failed;
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
      const std::int64_t line_begin = pending_begin + static_cast<std::int64_t>(begin);
      if (IsZeros(complete)) {
        torn_at = line_begin;  // right only if it is the last
        continue;
      }
      bool is_failed = false;
      const auto is_result = TakeUpLine(complete, line_number, is_failed);
      if (!is_result.ok()) return is_result.status();
      if (!*is_result) return NoResult(line_number);
      if (is_failed)
        failed.push_back({line_begin, pending_begin + static_cast<std::int64_t>(end) + 1});
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
  return retry_failed && !failed.empty() ? TakeOut(failed, whole) : absl::OkStatus();
}

absl::StatusOr<bool> BatchOutput::TakeUpLine(std::string_view line, std::int64_t line_number,
                                             bool& is_failed) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return false;
  const auto id = json.find("id");
  const auto status = json.find("status");
  const auto number = json.find("line");
  if (id == json.end() || !id->is_string() || status == json.end() || !status->is_string()) {
    return false;
  }
  if (number != json.end() && !number->is_number_integer()) return false;
  if (absl::Status same = CheckSettings(json, line_number); !same.ok()) return same;
  const std::string key =
      KeyOf(id->get<std::string>(), number != json.end() ? number->get<std::int64_t>() : 0);
  is_failed = status->get<std::string>() != "OK";
  if (done_.insert(key).second && is_failed) {
    ++num_failed_;
    failed_keys_.push_back(key);
  }
  return true;
}

absl::Status BatchOutput::CheckSettings(const Json& line, std::int64_t line_number) const {
  std::string difference;
  const auto model = line.find("model");
  const auto options = line.find("options");
  if (model != line.end() && model->is_string() && model->get<std::string>() != settings_.model) {
    difference = absl::StrCat("by model '", model->get<std::string>(), "', now it is '",
                              settings_.model, "'");
  } else if (options != line.end() && options->is_object()) {
    difference = Difference(*options, settings_.options);
  }
  if (difference.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path_, ", line ", line_number,
                                                    ": was answered ", difference,
                                                    "; go on with the same, or give another OUT"));
}

// Not in place, so that a crash leaves the old lines or the new ones.
absl::Status BatchOutput::TakeOut(const std::vector<Range>& lines, std::int64_t size) {
  std::error_code error;
  const std::string path = std::filesystem::canonical(path_, error).string();  // not a link to it
  if (error) return SystemError(path_, "cannot be found again");
  const std::string temporary = absl::StrCat(path, ".retry");
  struct stat info = {};
  ::fstat(file_, &info);
  const int file = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
                          info.st_mode & 0777);
  if (file < 0) return SystemError(temporary, "cannot be made");
  absl::Status status = ::flock(file, LOCK_EX | LOCK_NB) == 0
                            ? absl::OkStatus()
                            : SystemError(temporary, "cannot be locked");
  std::int64_t begin = 0;
  for (const Range& line : lines) {
    if (status.ok()) status = Copy(file_, begin, line.begin, file, temporary);
    begin = line.end;
  }
  if (status.ok()) status = Copy(file_, begin, size, file, temporary);
  if (status.ok() && ::fdatasync(file) != 0) status = SystemError(temporary, "cannot be synced");
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = SystemError(path, "cannot be replaced");
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    ::close(file);
    return status;
  }
  ::close(std::exchange(file_, file));
  for (const std::string& key : failed_keys_) done_.erase(key);
  num_retried_ = std::exchange(num_failed_, 0);
  return absl::OkStatus();
}

absl::Status BatchOutput::Append(Json result) {
  result["model"] = settings_.model;
  result["options"] = settings_.options;
  const absl::Status status = WriteAll(file_, Dump(result) + "\n", path_);
  if (!status.ok()) return status;
  if (absl::Now() - synced_ < absl::Seconds(1)) return absl::OkStatus();
  return Sync();
}

absl::Status BatchOutput::Sync() {
  synced_ = absl::Now();
  if (::fdatasync(file_) != 0 && errno != EINVAL && errno != EROFS)
    return SystemError(path_, "cannot be synced");
  return absl::OkStatus();
}

}  // namespace strata::cli
