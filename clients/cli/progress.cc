#include "clients/cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "clients/cli/terminal.h"

namespace strata::cli {
namespace {

constexpr int kMinBarWidth = 8, kMaxBarWidth = 24;

int TerminalColumns() {
  winsize size = {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double ShareDone(const ProgressState& state) {
  return state.total == 0 ? 1.0 : static_cast<double>(state.done_before + state.done) / state.total;
}

// Only ASCII is counted right, which is all that progress texts hold.
std::string Shorten(const std::string& text, int columns) {
  return text.size() <= static_cast<std::size_t>(columns)
             ? text
             : text.substr(0, static_cast<std::size_t>(columns));
}

}  // namespace

std::string ProgressText(const ProgressState& state) {
  std::string text = absl::StrFormat("%s/%s docs", FormatCount(state.done_before + state.done),
                                     FormatCount(state.total));
  if (state.done > 0 && state.seconds > 0) {
    absl::StrAppendFormat(&text, "  %.1f docs/s  %.2f MB/s", state.done / state.seconds,
                          state.bytes_done / state.seconds / 1e6);
    const std::int64_t left = state.total - state.done_before - state.done;
    if (left > 0) {
      const double share_left =
          state.bytes_total > 0 && state.bytes_done > 0
              ? static_cast<double>(state.bytes_total - state.bytes_done) / state.bytes_done
              : static_cast<double>(left) / state.done;
      absl::StrAppend(&text, "  ", FormatSeconds(share_left * state.seconds), " left");
    } else {
      absl::StrAppend(&text, "  in ", FormatSeconds(state.seconds));
    }
  }
  if (state.failed > 0) absl::StrAppend(&text, "  ", FormatCount(state.failed), " failed");
  return text;
}

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::Show(double share, const std::string& text, bool last) {
  if (quiet_) return;
  std::lock_guard<std::mutex> lock(mutex_);
  const absl::Time now = absl::Now();
  // The first plain line comes after the first interval, too: short runs stay quiet until the end.
  if (shown_ == absl::InfinitePast() && !terminal_) shown_ = now;
  const absl::Duration interval = terminal_ ? absl::Milliseconds(100) : absl::Seconds(5);
  if (!last && now - shown_ < interval) return;
  shown_ = now;
  if (terminal_) {
    // A line that wraps could not be drawn over: the bar gives way first, then the text's end.
    const int columns = TerminalColumns() - 4;  // "[", "] " and the last column
    const int bar = std::clamp(columns - static_cast<int>(text.size()), kMinBarWidth, kMaxBarWidth);
    std::fprintf(stderr, "\r\033[K[%s] %s", Bar(share, bar).c_str(),
                 Shorten(text, std::max(1, columns - bar)).c_str());
    drawn_ = true;
  } else {
    std::fprintf(stderr, "%3.0f%%  %s\n", share * 100, text.c_str());
  }
  std::fflush(stderr);
}

void ProgressLine::Show(const ProgressState& state, bool last) {
  Show(ShareDone(state), ProgressText(state), last);
}

void ProgressLine::End() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (drawn_) std::fputc('\n', stderr);
  drawn_ = false;
}

void ProgressLine::Clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace strata::cli
