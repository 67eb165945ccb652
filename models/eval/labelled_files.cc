#include "models/eval/labelled_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// One record of a CSV text from `at` on, which is moved behind it; counts lines.
std::vector<std::string> NextRecord(const std::string& text, size_t& at, int64_t& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += c;
        ++at;
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

}  // namespace

absl::StatusOr<std::vector<LabelledFile>> ReadLabelledFiles(const std::string& csv_path) {
  constexpr int64_t kMaxBytes = int64_t{1} << 30;
  auto text = ReadFileBytes(csv_path, kMaxBytes);
  if (!text.ok()) return text.status();
  size_t at = text->starts_with("\xEF\xBB\xBF") ? 3 : 0;  // a byte order mark
  int64_t line = 1;
  const std::vector<std::string> names = NextRecord(*text, at, line);
  const auto column = [&](const char* name) {
    return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  const size_t path = column("path"), label = column("label");
  if (path == names.size() || label == names.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        csv_path, ": the first line does not name the columns path and label, which are needed"));
  }
  const std::filesystem::path folder = std::filesystem::path(csv_path).parent_path();
  std::vector<LabelledFile> files;
  while (at < text->size()) {
    const int64_t begin = line;
    const std::vector<std::string> fields = NextRecord(*text, at, line);
    if (fields.size() == 1 && fields[0].empty()) continue;  // an empty line
    if (fields.size() <= std::max(path, label) || fields[path].empty() || fields[label].empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(csv_path, ", line ", begin, ": no path, or no label"));
    }
    files.push_back({(folder / fields[path]).string(), fields[label], begin});
  }
  return files;
}

absl::StatusOr<std::string> ReadFileBytes(const std::string& path, int64_t max_bytes) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > static_cast<uintmax_t>(max_bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, " has ", size, " bytes, at most ", max_bytes, " are read"));
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::ErrnoToStatus(errno, path);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace strata::models
