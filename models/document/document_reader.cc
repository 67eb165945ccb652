#include "models/document/document_reader.h"

#include <simdjson.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/document/ascii_text.h"
#include "models/document/document_builder.h"
#include "models/document/format_readers.h"

namespace strata::models {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct FormatName {
  DocumentFormat format;
  std::string_view name;
};
constexpr std::array<FormatName, 6> kFormatNames = {{{DocumentFormat::kAuto, "auto"},
                                                     {DocumentFormat::kPlainText, "text"},
                                                     {DocumentFormat::kMarkdown, "markdown"},
                                                     {DocumentFormat::kHtml, "html"},
                                                     {DocumentFormat::kJats, "jats"},
                                                     {DocumentFormat::kJson, "json"}}};

constexpr std::array<FormatName, 11> kEndings = {{{DocumentFormat::kPlainText, ".txt"},
                                                  {DocumentFormat::kPlainText, ".text"},
                                                  {DocumentFormat::kMarkdown, ".md"},
                                                  {DocumentFormat::kMarkdown, ".markdown"},
                                                  {DocumentFormat::kHtml, ".html"},
                                                  {DocumentFormat::kHtml, ".htm"},
                                                  {DocumentFormat::kHtml, ".xhtml"},
                                                  {DocumentFormat::kJats, ".nxml"},
                                                  {DocumentFormat::kJats, ".jats"},
                                                  {DocumentFormat::kJats, ".xml"},
                                                  {DocumentFormat::kJson, ".json"}}};

DocumentFormat FormatOfMarkup(std::string_view start) {
  const auto has = [&](std::string_view part) {
    return FindIgnoringCase(start, part) != start.npos;
  };
  const bool article = start.find("<article") != start.npos;
  const bool is_jats = article && (has("jats") || has("-//nlm//dtd") || has("article-type=") ||
                                   has("dtd-version=") || has("<front") || has("<article-meta"));
  if (is_jats) return DocumentFormat::kJats;
  for (std::string_view tag : {"<!doctype html", "<html", "<head", "<body", "<title", "<h1", "<h2",
                               "<p", "<div", "<article", "<section", "<main", "<table", "<ul"}) {
    if (StartsWithIgnoringCase(start, tag)) return DocumentFormat::kHtml;
  }
  if (start.starts_with("<?xml")) {
    return has("<html") ? DocumentFormat::kHtml : DocumentFormat::kJats;
  }
  if (start.starts_with("<!--") && (has("<html") || has("<body") || has("<p>"))) {
    return DocumentFormat::kHtml;
  }
  return DocumentFormat::kPlainText;
}

// A line that only Markdown writes: "# Title", a code fence, a link.
bool LooksLikeMarkdown(std::string_view start) {
  while (!start.empty()) {
    const size_t end = std::min(start.find('\n'), start.size());
    const std::string_view line = start.substr(0, end);
    const size_t hashes = std::min(line.find_first_not_of('#'), line.size());
    if (hashes >= 1 && hashes <= 6 && hashes + 1 < line.size() && line[hashes] == ' ') return true;
    if (line.starts_with("```")) return true;
    if (const size_t link = line.find("]("); link != std::string_view::npos &&
                                             line.substr(0, link).find('[') != line.npos &&
                                             line.find(')', link) != line.npos) {
      return true;
    }
    start.remove_prefix(std::min(end + 1, start.size()));
  }
  return false;
}

// Files of other kinds that are often taken for documents, by their first bytes.
struct OtherKind {
  std::string_view start;
  std::string_view name;
  std::string_view advice;
};
constexpr std::string_view kUnpack = "; unpack it first";
constexpr std::string_view kAsText = "; save it as text, Markdown, HTML, JATS or JSON first";
constexpr std::array<OtherKind, 10> kOtherKinds = {
    {{"%PDF-", "a PDF", "; make text of it first (pdftotext FILE.pdf)"},
     {"\x1f\x8b", "gzip data", kUnpack},
     {"PK\x03\x04", "a zip archive (as .docx, .odt and .epub are)", kAsText},
     {"BZh", "bzip2 data", kUnpack},
     {"\xFD"
      "7zXZ",
      "xz data", kUnpack},
     {"\x28\xB5\x2F\xFD", "zstd data", kUnpack},
     {"\xD0\xCF\x11\xE0", "an old Office file (.doc, .xls, .ppt)", kAsText},
     {"{\\rtf", "RTF", kAsText},
     {"\x89PNG", "a PNG image", ""},
     {"\xFF\xD8\xFF", "a JPEG image", ""}}};

absl::Status CheckText(std::string_view bytes) {
  for (const OtherKind& kind : kOtherKinds) {
    if (!bytes.starts_with(kind.start)) continue;
    // Text may begin as bzip2 does.
    if (kind.start == "BZh" && bytes.find('\0') == std::string_view::npos) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "this is ", std::string(kind.name), ", not a text document", std::string(kind.advice)));
  }
  const std::string_view start = bytes.substr(0, 2);
  if (start == "\xFE\xFF" || start == "\xFF\xFE") {
    return absl::InvalidArgumentError("the document is UTF-16; convert it to UTF-8");
  }
  if (const size_t nul = bytes.find('\0'); nul != std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("byte ", nul,
                     " is NUL: this is binary data, not text; give a text, Markdown, HTML, JATS "
                     "or JSON document in UTF-8"));
  }
  if (simdjson::validate_utf8(bytes.data(), bytes.size())) return absl::OkStatus();
  const auto size = static_cast<int64_t>(bytes.size());
  int64_t bad = 0;
  for (int64_t next = 0; next < size; bad = next) {
    UChar32 c;
    U8_NEXT(bytes.data(), next, size, c);
    if (c < 0) break;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "byte ", bad, " (0x", absl::Hex(static_cast<unsigned char>(bytes[bad]), absl::kZeroPad2),
      ") does not begin a UTF-8 character; convert the document to UTF-8"));
}

absl::Status ReadAs(DocumentFormat format, std::string_view text, const ReaderLimits& limits,
                    DocumentBuilder& builder) {
  switch (format) {
    case DocumentFormat::kMarkdown:
      return ReadMarkdown(text, builder);
    case DocumentFormat::kHtml:
      return ReadHtml(text, limits, builder);
    case DocumentFormat::kJats:
      return ReadJats(text, builder);
    case DocumentFormat::kJson:
      return ReadJson(text, builder);
    case DocumentFormat::kAuto:
    case DocumentFormat::kPlainText:
      break;
  }
  return ReadPlainText(text, builder);
}

}  // namespace

absl::StatusOr<DocumentTree> ReadDocument(std::string_view bytes, DocumentFormat format,
                                          const ReaderLimits& limits) {
  // ICU and the XML parser count in 32 bits.
  const int64_t max_bytes =
      std::min<int64_t>(limits.max_source_bytes, std::numeric_limits<int32_t>::max());
  if (static_cast<int64_t>(bytes.size()) > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the document has ", bytes.size(), " bytes, more than max_source_bytes = ", max_bytes,
        "; split it or raise the limit"));
  }
  if (absl::Status status = CheckText(bytes); !status.ok()) return status;
  absl::StatusOr<SentenceSplitter> splitter = SentenceSplitter::Create(limits.locale);
  if (!splitter.ok()) return splitter.status();

  ReaderLimits usable = limits;
  usable.max_source_bytes = max_bytes;
  usable.max_nodes = std::min<int64_t>(limits.max_nodes, std::numeric_limits<int32_t>::max());
  DocumentBuilder builder(bytes, usable, *std::move(splitter));
  std::string_view text = bytes;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!std::all_of(text.begin(), text.end(), IsSpaceAscii)) {
    if (format == DocumentFormat::kAuto) format = DetectDocumentFormat(text, "");
    absl::Status status = ReadAs(format, text, usable, builder);
    if (!builder.status().ok()) return builder.status();
    if (!status.ok()) return status;
  }
  return builder.Build();
}

DocumentFormat DetectDocumentFormat(std::string_view bytes, std::string_view file_name) {
  for (const FormatName& ending : kEndings) {
    if (EndsWithIgnoringCase(file_name, ending.name)) return ending.format;
  }
  constexpr size_t kStartBytes = 4096;
  std::string_view start = bytes.substr(0, kStartBytes);
  if (start.starts_with(kByteOrderMark)) start.remove_prefix(kByteOrderMark.size());
  start = StripLeadingSpace(start);
  if (start.starts_with("{")) {
    const std::string_view next = StripLeadingSpace(start.substr(1));
    if (next.starts_with("\"") || next.starts_with("}")) return DocumentFormat::kJson;
  }
  if (start.starts_with("<")) {
    const DocumentFormat format = FormatOfMarkup(start);
    if (format != DocumentFormat::kPlainText) return format;
  }
  return LooksLikeMarkdown(start) ? DocumentFormat::kMarkdown : DocumentFormat::kPlainText;
}

absl::StatusOr<DocumentFormat> ParseDocumentFormat(std::string_view name) {
  for (const FormatName& known : kFormatNames) {
    if (known.name == name) return known.format;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(name),
                   "\" is no document format; use auto, text, markdown, html, jats or "
                   "json"));
}

std::string_view DocumentFormatName(DocumentFormat format) {
  for (const FormatName& known : kFormatNames) {
    if (known.format == format) return known.name;
  }
  return "unknown";
}

}  // namespace strata::models
