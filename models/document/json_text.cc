#include "models/document/json_text.h"

#include <simdjson.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "models/document/ascii_text.h"

namespace strata::models {
namespace {

constexpr size_t kDeepestNesting = 1 << 17;

// Only finds the place of an error: simdjson does not tell it.
class ErrorPlace : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    position_ = position;
    const std::string_view what = error.what();
    ends_early_ = what.find("unexpected end of input") != std::string_view::npos ||
                  what.find("missing closing quote") != std::string_view::npos;
    return false;
  }
  size_t position() const { return position_; }
  bool ends_early() const { return ends_early_; }

 private:
  size_t position_ = 0;
  bool ends_early_ = false;
};

unsigned HexAt(std::string_view text, size_t at) {
  unsigned value = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    value = value * 16 + static_cast<unsigned>(digit);
  }
  return value;
}

char SimpleEscape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

absl::Status JsonText::Check(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::error_code error = parser.allocate(std::max<size_t>(text.size(), 64), kDeepestNesting);
  if (error == simdjson::SUCCESS) error = parser.parse(text.data(), text.size(), true).error();
  if (error == simdjson::SUCCESS) return absl::OkStatus();
  if (error == simdjson::MEMALLOC) {
    return absl::ResourceExhaustedError("JSON: no memory to check the text");
  }
  if (error == simdjson::DEPTH_ERROR) {
    return absl::InvalidArgumentError(
        absl::StrCat("JSON: nested more than ", kDeepestNesting, " levels deep"));
  }
  const std::string why = DescribeJsonError(text);
  return absl::InvalidArgumentError(
      absl::StrCat("JSON: ", why.empty() ? std::string(simdjson::error_message(error)) : why));
}

std::string DescribeJsonError(std::string_view text) {
  ErrorPlace place;
  if (text.empty() || nlohmann::json::sax_parse(text, &place)) return "";
  const size_t position = std::min(place.position(), text.size());
  const std::string where = absl::StrCat("near byte ", position, ": ");
  if (place.ends_early()) return where + "it ends in the middle";
  const size_t at = position > 0 ? position - 1 : 0;  // the byte that could not be taken
  // One whole object before it, and another one begins.
  const std::string_view before = StripSpace(text.substr(0, at));
  if (text[at] == '{' && before.ends_with('}') && nlohmann::json::accept(before)) {
    return absl::StrCat(where,
                        "a second object begins; a file of many documents (JSON Lines) is for "
                        "`strata batch`, train or eval");
  }
  return absl::StrCat(where, "cannot be read: '", Excerpt(text.substr(at)), "'");
}

std::string Excerpt(std::string_view text) {
  constexpr size_t kMostBytes = 24;
  std::string shown(text.substr(0, std::min(kMostBytes, text.find_first_of("\r\n"))));
  if (shown.size() == kMostBytes) {  // perhaps in the middle of a character
    while ((static_cast<unsigned char>(shown.back()) & 0xC0) == 0x80) shown.pop_back();
    if (static_cast<unsigned char>(shown.back()) >= 0xC0) shown.pop_back();
    shown += "…";
  }
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return shown;
}

JsonText::JsonText(std::string_view text) : text_(text) {
  std::vector<uint32_t> open;
  for (size_t i = 0; i < text_.size(); ++i) {
    switch (text_[i]) {
      case '"':
        i = EndOfString(i) - 1;
        break;
      case '{':
      case '[':
        open.push_back(static_cast<uint32_t>(containers_.size()));
        containers_.emplace_back(static_cast<uint32_t>(i), 0);
        break;
      case '}':
      case ']':
        containers_[open.back()].second = static_cast<uint32_t>(i + 1);
        open.pop_back();
        break;
      default:
        break;
    }
  }
}

size_t JsonText::SkipSpace(size_t at) const {
  return std::min(text_.find_first_not_of(" \t\r\n", at), text_.size());
}

size_t JsonText::ValueAt(size_t at) const { return SkipSpace(at); }

size_t JsonText::EndOfString(size_t string) const {
  size_t at = string + 1;
  while (text_[at] != '"') {
    if (text_[at] == '\\') {
      at += 2;
    } else {
      ++at;
    }
  }
  return at + 1;
}

size_t JsonText::EndOf(size_t value) const {
  const char type = TypeAt(value);
  if (type == '"') return EndOfString(value);
  if (type == '{' || type == '[') {
    return std::lower_bound(containers_.begin(), containers_.end(),
                            std::pair<uint32_t, uint32_t>(static_cast<uint32_t>(value), 0))
        ->second;
  }
  return std::min(text_.find_first_of(" \t\r\n,]}", value), text_.size());
}

size_t JsonText::NextElement(size_t at) const {
  at = SkipSpace(at);
  if (text_[at] == ',') at = SkipSpace(at + 1);
  return text_[at] == ']' || text_[at] == '}' ? std::string_view::npos : at;
}

void JsonText::ForEach(size_t container, const Visit& visit) const {
  const bool is_object = TypeAt(container) == '{';
  for (size_t at = NextElement(container + 1); at != std::string_view::npos;) {
    std::string_view key;
    size_t value = at;
    if (is_object) {
      const size_t key_end = EndOfString(at);
      key = text_.substr(at + 1, key_end - at - 2);
      value = SkipSpace(SkipSpace(key_end) + 1);  // past the ':'
    }
    if (!visit(key, value)) return;
    at = NextElement(EndOf(value));
  }
}

void JsonText::ForEachPiece(size_t string, const VisitPiece& visit) const {
  const size_t end = EndOfString(string) - 1;
  for (size_t at = string + 1; at < end;) {
    const size_t escape = std::min(text_.substr(0, end).find('\\', at), end);
    if (escape > at) visit(text_.substr(at, escape - at), {});
    if (escape == end) return;
    size_t size = 2;
    char decoded[4] = {SimpleEscape(text_[escape + 1])};
    int32_t decoded_size = 1;
    if (text_[escape + 1] == 'u') {
      size = 6;
      unsigned c = HexAt(text_, escape + 2);
      if (c >= 0xD800 && c < 0xDC00) {  // simdjson saw to it that the other half follows
        c = 0x10000 + ((c - 0xD800) << 10) + (HexAt(text_, escape + 8) - 0xDC00);
        size = 12;
      }
      decoded_size = 0;
      U8_APPEND_UNSAFE(decoded, decoded_size, c);
    }
    visit({decoded, static_cast<size_t>(decoded_size)}, text_.substr(escape, size));
    at = escape + size;
  }
}

}  // namespace strata::models
