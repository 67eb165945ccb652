#include "clients/cli/batch_input.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "strata/local.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

bool HasKnownEnding(const fs::path& path) {
  static constexpr std::array kEndings = {".txt", ".text",  ".md",  ".markdown", ".html",
                                          ".htm", ".xhtml", ".xml", ".nxml",     ".json"};
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

absl::StatusOr<std::vector<std::string>> FilesBelow(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const bool hidden = it->path().filename().string().rfind('.', 0) == 0;
    std::error_code ignored;
    if (hidden && it->is_directory(ignored)) it.disable_recursion_pending();
    if (hidden || !it->is_regular_file(ignored) || !HasKnownEnding(it->path())) continue;
    paths.push_back(it->path().string());
  }
  if (error) return absl::UnknownError(absl::StrCat(folder, ": ", error.message()));
  if (paths.empty()) {
    return absl::NotFoundError(
        absl::StrCat(folder, ": holds no document (.txt .md .html .xml .json ...)"));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// A path that is listed twice is one item.
std::vector<std::string> FilesListed(std::istream& list) {
  std::vector<std::string> paths;
  std::set<std::string> seen;
  std::string line;
  while (std::getline(list, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty() && seen.insert(line).second) paths.push_back(line);
  }
  return paths;
}

// Two names that differ in bytes only must stay two ids in the output, or one would never be
// answered: RFC 8089, with all but the unreserved characters of RFC 3986 and '/' escaped.
std::string IdOfPath(const std::string& path) {
  try {
    (void)nlohmann::json(path).dump();  // strict by default
    return path;
  } catch (const nlohmann::json::type_error&) {
    std::string uri = "file:";
    for (const char c : path) {
      if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
          std::string_view("/-._~").find(c) != std::string_view::npos) {
        uri += c;
      } else {
        absl::StrAppendFormat(&uri, "%%%02X", static_cast<unsigned char>(c));
      }
    }
    return uri;
  }
}

class FileInput final : public BatchInput {
 public:
  FileInput(std::vector<std::string> paths, DocumentFormat format)
      : paths_(std::move(paths)), format_(format) {}

  absl::StatusOr<bool> Next(BatchItem& item) override {
    if (next_ == paths_.size()) return false;
    const std::string& path = paths_[next_++];
    item = {IdOfPath(path), 0, DocumentInput::FromFile(path, format_), absl::OkStatus()};
    return true;
  }

 private:
  const std::vector<std::string> paths_;
  const DocumentFormat format_;
  std::size_t next_ = 0;
};

class JsonLinesInput final : public BatchInput {
 public:
  JsonLinesInput(std::unique_ptr<JsonLinesReader> reader, std::string path)
      : reader_(std::move(reader)), path_(std::move(path)) {}

  absl::StatusOr<bool> Next(BatchItem& item) override {
    LabelledDocument line;
    const absl::StatusOr<bool> more = reader_->Next(line);
    // A broken line is an item that failed: the lines behind it are still wanted.
    if (absl::IsInvalidArgument(more.status())) {
      last_line_ = std::max(line.line, last_line_ + 1);
      item = {std::to_string(last_line_), last_line_, DocumentInput::FromBytes(""), more.status()};
      return true;
    }
    if (!more.ok() || !*more) return more;
    last_line_ = line.line;
    item = {line.document.id(), line.line, std::move(line.document), absl::OkStatus()};
    return true;
  }

 private:
  std::unique_ptr<JsonLinesReader> reader_;
  const std::string path_;
  std::int64_t last_line_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BatchInput>> BatchInput::Open(const std::string& path,
                                                             DocumentFormat format) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    auto paths = FilesBelow(path);
    if (!paths.ok()) return paths.status();
    return std::make_unique<FileInput>(*std::move(paths), format);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  file >> std::ws;
  const int first = file.peek();
  if (first == '{' || first == 0x1f) {
    auto reader = JsonLinesReader::Open(path);
    if (!reader.ok()) return reader.status();
    return std::make_unique<JsonLinesInput>(*std::move(reader), path);
  }
  file.clear();
  file.seekg(0);
  std::vector<std::string> paths = FilesListed(file);
  if (paths.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": lists no document"));
  return std::make_unique<FileInput>(std::move(paths), format);
}

absl::StatusOr<BatchCounts> BatchInput::Count(
    const std::string& path, DocumentFormat format,
    absl::FunctionRef<bool(const BatchItem& item)> wanted) {
  auto input = Open(path, format);
  if (!input.ok()) return input.status();
  BatchCounts counts;
  BatchItem item;
  while (true) {
    const auto more = (*input)->Next(item);
    if (!more.ok()) return more.status();
    if (!*more) return counts;
    if (!wanted(item)) continue;
    ++counts.num_items;
    counts.num_bytes += item.document.size_bytes().value_or(0);
  }
}

}  // namespace strata::cli
