#include "clients/cli/terminal.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace strata::cli {

namespace {

// Bytes of the control character at `i`, 0 if there is none: C0, DEL and U+0080 to U+009F, which
// some terminals obey, too.
std::size_t ControlSize(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (byte(i) < 0x20 || byte(i) == 0x7f) return 1;
  const bool is_c1 =
      byte(i) == 0xc2 && i + 1 < text.size() && byte(i + 1) >= 0x80 && byte(i + 1) < 0xa0;
  return is_c1 ? 2 : 0;
}

}  // namespace

std::string Bar(double share, int width) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double clamped = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0;
  const int eighths = static_cast<int>(std::lround(clamped * width * 8));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  for (int i = (eighths + 7) / 8; i < width; ++i) bar += "·";
  return bar;
}

std::string OneLine(std::string_view text, int max_columns) {
  std::string line;
  int columns = 0;
  bool blank = false;
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (const std::size_t control = c == ' ' ? 1 : ControlSize(text, i); control > 0) {
      blank = !line.empty();
      i += control;
      continue;
    }
    std::size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    size = std::min(size, text.size() - i);
    const int needed = (blank ? 2 : 1);
    // One column is kept for the mark, unless the text ends here.
    const bool rest = text.find_first_not_of(" \t\r\n", i + size) != std::string_view::npos;
    if (columns + needed > max_columns - (rest ? 1 : 0)) return line + "…";
    if (blank) line += ' ';
    line += text.substr(i, size);
    columns += needed;
    blank = false;
    i += size;
  }
  return line;
}

std::string FormatBytes(std::int64_t num_bytes) {
  if (num_bytes < 1000) return absl::StrFormat("%d B", num_bytes);
  double value = static_cast<double>(num_bytes);
  const char* const units[] = {"KB", "MB", "GB", "TB"};
  int unit = -1;
  while (value >= 999.95 && unit < 3) {
    value /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, units[std::max(unit, 0)]);
}

std::string FormatSeconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) return "-";
  const std::int64_t whole = std::llround(seconds);
  if (whole < 3600) return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
  return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string FormatCount(std::int64_t count) {
  const std::string digits = std::to_string(count);
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  std::string grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > first && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

std::string Counted(std::int64_t count, std::string_view noun) {
  return absl::StrFormat("%s %s%s", FormatCount(count), std::string(noun), count == 1 ? "" : "s");
}

std::string Printable(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t control = ControlSize(text, i);
    if (control == 2) {
      absl::StrAppendFormat(&shown, "\\u%04x", static_cast<unsigned char>(text[++i]));
    } else if (control == 1) {
      absl::StrAppendFormat(&shown, "\\x%02x", static_cast<unsigned char>(text[i]));
    } else {
      shown += text[i];
    }
  }
  return shown;
}

std::string Folded(std::string_view text) {
  std::string folded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t control = ControlSize(text, i);
    folded += control > 0 ? ' ' : text[i];
    if (control == 2) ++i;
  }
  return folded;
}

std::string Wrap(std::string_view text, std::size_t columns) {
  std::string wrapped;
  std::size_t column = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    if (column > 0 && column + 1 + word.size() > columns) {
      wrapped += '\n';
      column = 0;
    } else if (begin > 0) {
      wrapped += ' ';
      ++column;
    }
    wrapped += word;
    column += word.size();
    begin = end + 1;
  }
  return wrapped;
}

}  // namespace strata::cli
