#include "clients/cli/batch_input.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "clients/cli/terminal.h"
#include "nlohmann/json.hpp"
#include "strata/local.h"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostEndingsNamed = 5;
constexpr std::size_t kLookedAtBytes = 64 * 1024;

std::string EndingOf(const fs::path& path) {
  return absl::AsciiStrToLower(path.extension().string());
}

bool HasKnownEnding(const fs::path& path) {
  static const auto* const known = new std::set<std::string>(absl::StrSplit(kDocumentEndings, ' '));
  return known->count(EndingOf(path)) > 0;
}

struct FolderFiles {
  std::vector<std::string> paths;
  SkippedFiles skipped;
};

SkippedFiles Summarize(const std::map<std::string, std::int64_t>& by_ending) {
  std::vector<std::pair<std::int64_t, std::string>> most;
  SkippedFiles skipped;
  for (const auto& [ending, count] : by_ending) {
    skipped.count += count;
    most.emplace_back(-count, ending.empty() ? "no ending" : ending);
  }
  std::sort(most.begin(), most.end());
  for (std::size_t i = 0; i < std::min(most.size(), kMostEndingsNamed); ++i) {
    absl::StrAppend(&skipped.endings, i == 0 ? "" : ", ", most[i].second, " ", -most[i].first);
  }
  if (most.size() > kMostEndingsNamed) skipped.endings += ", …";
  return skipped;
}

absl::StatusOr<FolderFiles> FilesBelow(const std::string& folder) {
  std::error_code error;
  FolderFiles files;
  std::map<std::string, std::int64_t> skipped;  // by ending
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const bool hidden = it->path().filename().string().rfind('.', 0) == 0;
    std::error_code ignored;
    if (hidden && it->is_directory(ignored)) it.disable_recursion_pending();
    if (hidden || !it->is_regular_file(ignored)) continue;
    if (HasKnownEnding(it->path())) {
      files.paths.push_back(it->path().string());
    } else {
      ++skipped[EndingOf(it->path())];
    }
  }
  if (error) return absl::UnknownError(absl::StrCat(folder, ": ", error.message()));
  files.skipped = Summarize(skipped);
  if (files.paths.empty()) {
    return absl::NotFoundError(absl::StrCat(
        folder, ": holds no document; their names end in one of ", kDocumentEndings,
        files.skipped.count > 0 ? absl::StrCat(" (here: ", files.skipped.endings, ")") : ""));
  }
  std::sort(files.paths.begin(), files.paths.end());
  return files;
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

// A list whose files are all absent is something else: a document, a table, a program.
absl::Status CheckList(const std::string& path, const std::vector<std::string>& paths) {
  constexpr int kShownColumns = 40;
  if (paths.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": lists no document"));
  const bool any = std::any_of(paths.begin(), paths.end(), [](const std::string& each) {
    std::error_code error;
    return fs::is_regular_file(each, error);
  });
  if (any) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": no line of it names a file (the first: '", OneLine(paths.front(), kShownColumns),
      "'); IN is a folder, a list of paths, or JSON Lines; one document is for `strata classify`"));
}

// Why a file cannot be a list of paths, from its first bytes.
absl::Status CheckText(const std::string& path, std::istream& file) {
  std::string start(kLookedAtBytes, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  file.clear();
  file.seekg(0);
  if (start.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is binary; IN is a folder, a list of paths, or JSON Lines"));
  }
  if (absl::StripLeadingAsciiWhitespace(start).substr(0, 1) == "[") {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": is a JSON array; JSON Lines have one object a line (jq -c '.[]' makes them)"));
  }
  return absl::OkStatus();
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
  FileInput(FolderFiles files, DocumentFormat format) : files_(std::move(files)), format_(format) {}

  SkippedFiles skipped() const override { return files_.skipped; }

  absl::StatusOr<bool> Next(BatchItem& item) override {
    if (next_ == files_.paths.size()) return false;
    const std::string& path = files_.paths[next_++];
    item = {IdOfPath(path), 0, DocumentInput::FromFile(path, format_), absl::OkStatus()};
    return true;
  }

 private:
  const FolderFiles files_;
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
    auto files = FilesBelow(path);
    if (!files.ok()) return files.status();
    return std::make_unique<FileInput>(*std::move(files), format);
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::ErrnoToStatus(errno, path);
  file >> std::ws;
  const int first = file.peek();
  if (first == '{' || first == 0x1f) {
    auto reader = JsonLinesReader::Open(path);
    if (!reader.ok()) return reader.status();
    return std::make_unique<JsonLinesInput>(*std::move(reader), path);
  }
  file.clear();
  file.seekg(0);
  if (absl::Status status = CheckText(path, file); !status.ok()) return status;
  FolderFiles listed;
  listed.paths = FilesListed(file);
  if (absl::Status status = CheckList(path, listed.paths); !status.ok()) return status;
  return std::make_unique<FileInput>(std::move(listed), format);
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
