#include "models/document/json_lines.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/document/ascii_text.h"
#include "models/document/gzip_file.h"
#include "models/document/json_text.h"

namespace strata::models {
namespace {

// A string, or a number as it is written; empty for anything else.
std::string Scalar(simdjson::dom::element element) {
  if (std::string_view text; element.get(text) == simdjson::SUCCESS) return std::string(text);
  if (element.is_array() || element.is_object() || element.is_null()) return "";
  return simdjson::minify(element);
}

std::string ScalarField(simdjson::dom::object object, std::string_view name) {
  simdjson::dom::element element;
  return object.at_key(name).get(element) == simdjson::SUCCESS ? Scalar(element) : "";
}

std::vector<std::string> ScalarsField(simdjson::dom::object object, std::string_view name) {
  std::vector<std::string> values;
  simdjson::dom::array array;
  if (object.at_key(name).get(array) != simdjson::SUCCESS) return values;
  for (simdjson::dom::element element : array) values.push_back(Scalar(element));
  return values;
}

// What is wrong with a line that holds no object.
std::string DescribeLine(const JsonLine& line) {
  const std::string_view text = StripSpace(line.json);
  if (line.json.find('\0') != std::string::npos) return "this is binary data, not JSON";
  if (text.starts_with('[') && line.line_number == 1) {
    return "expected a JSON object, one a line; a JSON array is not read (jq -c '.[]' makes lines "
           "of "
           "it)";
  }
  if (!text.starts_with('{')) {
    return absl::StrCat("expected a JSON object, one a line, found '", Excerpt(text), "'");
  }
  return DescribeJsonError(text);
}

}  // namespace

struct JsonLinesReader::State {
  std::string path;
  int64_t max_line_bytes = 0;
  std::unique_ptr<GzipFile> file;
  std::vector<char> buffer = std::vector<char>(256 << 10);
  size_t begin = 0;  // of what is left in the buffer
  size_t end = 0;
  int64_t line_number = 0;
  bool at_end = false;
  simdjson::dom::parser parser;

  absl::Status Error(const std::string& message) const {
    return absl::InvalidArgumentError(absl::StrCat(path, ", line ", line_number, ": ", message));
  }

  // Fills the buffer again; false at the end of the file.
  absl::StatusOr<bool> Fill() {
    const auto read = file->Read(buffer.data(), buffer.size());
    if (!read.ok()) {
      at_end = true;
      return absl::Status(read.status().code(), absl::StrCat(path, ", line ", line_number, ": ",
                                                             read.status().message()));
    }
    begin = 0;
    end = *read;
    at_end = end == 0;
    return !at_end;
  }

  // The next line without its line end; false at the end of the file. A line over the limit is
  // skipped and reported.
  absl::StatusOr<bool> NextLine(std::string& line) {
    line.clear();
    if (at_end) return false;
    ++line_number;
    bool too_long = false;
    bool any = false;
    for (;;) {
      if (begin == end) {
        absl::StatusOr<bool> more = Fill();
        if (!more.ok()) return more.status();
        if (!*more) break;
      }
      any = true;
      const char* from = buffer.data() + begin;
      const auto* newline = static_cast<const char*>(std::memchr(from, '\n', end - begin));
      const size_t size = newline == nullptr ? end - begin : static_cast<size_t>(newline - from);
      too_long |= static_cast<int64_t>(line.size() + size) > max_line_bytes;
      if (!too_long) line.append(from, size);
      begin += size + (newline == nullptr ? 0 : 1);
      if (newline != nullptr) break;
    }
    if (too_long) {
      line.clear();
      return Error(absl::StrCat("longer than max_source_bytes = ", max_line_bytes));
    }
    return any;
  }
};

JsonLinesReader::JsonLinesReader() : state_(std::make_unique<State>()) {}
JsonLinesReader::~JsonLinesReader() = default;

absl::StatusOr<std::unique_ptr<JsonLinesReader>> JsonLinesReader::Open(const std::string& path,
                                                                       const ReaderLimits& limits) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is a folder; give a .jsonl or .jsonl.gz file"));
  }
  auto reader = std::unique_ptr<JsonLinesReader>(new JsonLinesReader());
  reader->state_->path = path;
  reader->state_->max_line_bytes = limits.max_source_bytes;
  auto file = GzipFile::Open(path);
  if (!file.ok()) return file.status();
  reader->state_->file = *std::move(file);
  return reader;
}

absl::StatusOr<bool> JsonLinesReader::Next(JsonLine& line) {
  State& state = *state_;
  do {
    absl::StatusOr<bool> more = state.NextLine(line.json);
    if (!more.ok() || !*more) return more;
    if (state.line_number == 1 && line.json.starts_with("\xEF\xBB\xBF")) line.json.erase(0, 3);
    if (line.json.ends_with('\r')) line.json.pop_back();
  } while (StripSpace(line.json).empty());
  line.line_number = state.line_number;

  simdjson::dom::element root;
  if (const auto error = state.parser.parse(line.json).get(root)) {
    const std::string why = DescribeLine(line);
    return state.Error(why.empty() ? simdjson::error_message(error) : why);
  }
  simdjson::dom::object object;
  if (root.get(object) != simdjson::SUCCESS) return state.Error(DescribeLine(line));
  line.label = ScalarField(object, "label");
  line.labels = ScalarsField(object, "labels");
  line.summary = absl::StrJoin(ScalarsField(object, "summary"), "\n");
  if (line.summary.empty()) line.summary = ScalarField(object, "summary");
  line.id = ScalarField(object, "id");
  if (line.id.empty()) line.id = absl::StrCat(line.line_number);
  return true;
}

}  // namespace strata::models
