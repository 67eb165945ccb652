#include "services/telemetry/json_log.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace strata::telemetry {
namespace {

constexpr size_t kMaxBacklog = 8192;
constexpr const char* kLevelNames[] = {"debug", "info", "warning", "error", "off"};

std::atomic<LogLevel> current_level{LogLevel::kOff};

// Owns the writing thread, which starts with the first line. Never destroyed: threads of the
// process may log until its very end.
class Writer {
 public:
  static Writer& Get() {
    static Writer* const writer = new Writer;
    return *writer;
  }

  void Add(std::string line) {
    {
      std::lock_guard<std::mutex> lock(mu_);
      if (!started_) {
        started_ = true;
        std::thread([this] { Run(); }).detach();
      }
      if (lines_.size() >= kMaxBacklog) {
        ++num_dropped_;
        return;
      }
      lines_.push_back(std::move(line));
      ++num_added_;
    }
    changed_.notify_all();
  }

  void Flush() {
    std::unique_lock<std::mutex> lock(mu_);
    const int64_t target = num_added_;
    changed_.wait(lock, [&] { return num_written_ >= target; });
  }

  void SetSink(std::function<void(const std::string&)> sink) {
    Flush();
    std::lock_guard<std::mutex> lock(sink_mu_);
    sink_ = std::move(sink);
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mu_);
    while (true) {
      changed_.wait(lock, [&] { return !lines_.empty(); });
      std::deque<std::string> lines;
      lines.swap(lines_);
      const int64_t dropped = std::exchange(num_dropped_, 0);
      lock.unlock();
      for (const std::string& line : lines) Write(line);
      if (dropped > 0) {
        Write(absl::StrCat(R"({"level":"warning","event":"log_dropped","lines":)", dropped, "}"));
      }
      lock.lock();
      num_written_ += static_cast<int64_t>(lines.size());
      changed_.notify_all();
    }
  }

  void Write(const std::string& line) {
    std::lock_guard<std::mutex> lock(sink_mu_);
    if (sink_) {
      sink_(line);
      return;
    }
    const std::string text = line + "\n";
    for (size_t begin = 0; begin < text.size();) {
      const ssize_t written = write(STDERR_FILENO, text.data() + begin, text.size() - begin);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {  // somebody made it so
        pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
        poll(&ready, 1, /*timeout=*/1000);
        continue;
      }
      if (written <= 0) return;  // stderr is closed: there is nobody to tell
      begin += static_cast<size_t>(written);
    }
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  int64_t num_added_ = 0;
  int64_t num_written_ = 0;
  int64_t num_dropped_ = 0;
  bool started_ = false;

  std::mutex sink_mu_;
  std::function<void(const std::string&)> sink_;
};

}  // namespace

absl::StatusOr<LogLevel> ParseLogLevel(std::string_view name) {
  for (uint8_t i = 0; i < std::size(kLevelNames); ++i) {
    if (name == kLevelNames[i]) return static_cast<LogLevel>(i);
  }
  return absl::InvalidArgumentError(absl::StrCat("log level '", std::string(name),
                                                 "' is none of debug, info, warning, error, off"));
}

void SetLogLevel(LogLevel level) { current_level.store(level, std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) {
  return level >= current_level.load(std::memory_order_relaxed) && level != LogLevel::kOff;
}

void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  line["level"] = kLevelNames[static_cast<uint8_t>(level)];
  line["event"] = std::string(event);
  for (const LogField& field : fields) {
    nlohmann::ordered_json& value = line[std::string(field.key)];
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      value = std::string(*text);
    } else if (const auto* integer = std::get_if<int64_t>(&field.value)) {
      value = *integer;
    } else if (const auto* number = std::get_if<double>(&field.value)) {
      value = *number;
    } else {
      value = std::get<bool>(field.value);
    }
  }
  Writer::Get().Add(line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void FlushLog() { Writer::Get().Flush(); }

void SetLogSink(std::function<void(const std::string& line)> sink) {
  Writer::Get().SetSink(std::move(sink));
}

}  // namespace strata::telemetry
