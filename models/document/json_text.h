// A cursor over JSON text that is known to be valid: where its values stand, byte by byte.
//
// simdjson says whether a text is valid but hands out copies of its strings; places in the source
// need the text itself.
#ifndef STRATA_MODELS_DOCUMENT_JSON_TEXT_H_
#define STRATA_MODELS_DOCUMENT_JSON_TEXT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "models/document/byte_span.h"

namespace strata::models {

// What is wrong with a text that is no JSON, in words and with its place; empty if it is.
std::string DescribeJsonError(std::string_view text);
// The first few characters of a line, for a message.
std::string Excerpt(std::string_view text);

class JsonText {
 public:
  // `text` (valid UTF-8) must outlive this. INVALID_ARGUMENT: broken JSON, with its place.
  // O(bytes), without recursion.
  static absl::Status Check(std::string_view text);
  explicit JsonText(std::string_view text);

  std::string_view text() const { return text_; }
  // The first byte of a value at or behind `at`: '{' '[' '"' 't' 'f' 'n' '-' or a digit.
  size_t ValueAt(size_t at) const;
  char TypeAt(size_t value) const { return text_[value]; }
  // Past the value that begins at `value`. O(1) for '{' and '[' but for a search.
  size_t EndOf(size_t value) const;

  // The members of an object (key as it stands between the quotes, value) or the elements of an
  // array (key empty), in order; stops when `visit` returns false.
  using Visit = std::function<bool(std::string_view key, size_t value)>;
  void ForEach(size_t container, const Visit& visit) const;
  // The element at or behind `at` inside an array, or npos at its end; `at` = the '[' + 1 at first,
  // then EndOf() the one before.
  size_t NextElement(size_t at) const;

  // The pieces of a string: `visit` gets unescaped bytes of the text as they are (a view into it),
  // or what one escape stands for (`escape` holds its bytes).
  using VisitPiece = std::function<void(std::string_view piece, std::string_view escape)>;
  void ForEachPiece(size_t string, const VisitPiece& visit) const;

 private:
  size_t EndOfString(size_t string) const;
  size_t SkipSpace(size_t at) const;

  std::string_view text_;
  std::vector<std::pair<uint32_t, uint32_t>> containers_;  // begin and end, by begin
};

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_JSON_TEXT_H_
