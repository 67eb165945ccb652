// ASCII-only text handling on std::string_view (Debian's absl::string_view is another type).
#ifndef STRATA_MODELS_DOCUMENT_ASCII_TEXT_H_
#define STRATA_MODELS_DOCUMENT_ASCII_TEXT_H_

#include <string_view>

namespace strata::models {

constexpr char ToLowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr bool IsLowerAscii(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool IsUpperAscii(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool IsLetterAscii(char c) { return IsLowerAscii(ToLowerAscii(c)); }
constexpr bool IsDigitAscii(char c) { return c >= '0' && c <= '9'; }
// Space, tab, line feed, carriage return, \f, \v: the white space that readers fold.
constexpr bool IsSpaceAscii(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (ToLowerAscii(a[i]) != ToLowerAscii(b[i])) return false;
  }
  return true;
}
constexpr bool StartsWithIgnoringCase(std::string_view text, std::string_view start) {
  return EqualsIgnoringCase(text.substr(0, start.size()), start);
}
constexpr bool EndsWithIgnoringCase(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         EqualsIgnoringCase(text.substr(text.size() - end.size()), end);
}
// The first place of `lower` (not empty, in lower case) at or behind `from`, or npos.
constexpr size_t FindIgnoringCase(std::string_view text, std::string_view lower, size_t from = 0) {
  for (size_t at = from; at + lower.size() <= text.size(); ++at) {
    if (ToLowerAscii(text[at]) == lower[0] && StartsWithIgnoringCase(text.substr(at), lower)) {
      return at;
    }
  }
  return std::string_view::npos;
}

constexpr std::string_view StripLeadingSpace(std::string_view text) {
  while (!text.empty() && IsSpaceAscii(text.front())) text.remove_prefix(1);
  return text;
}
constexpr std::string_view StripTrailingSpace(std::string_view text) {
  while (!text.empty() && IsSpaceAscii(text.back())) text.remove_suffix(1);
  return text;
}
constexpr std::string_view StripSpace(std::string_view text) {
  return StripTrailingSpace(StripLeadingSpace(text));
}

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_ASCII_TEXT_H_
