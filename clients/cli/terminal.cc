#include "clients/cli/terminal.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace strata::cli {

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
    if (c <= ' ' || c == 0x7f) {
      blank = !line.empty();
      ++i;
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

}  // namespace strata::cli
