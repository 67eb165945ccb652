#include "models/tokenizer/regex.h"

#include <unicode/utext.h>

#include "absl/strings/str_cat.h"
#include "models/tokenizer/unicode_class.h"

namespace strata::models {
namespace {

constexpr int32_t kStackBytes = 64 << 20;

// Oniguruma's shorthands in ICU's words, with the characters of Unicode 16 that ICU 72 lacks. Works
// inside [...] too: ICU's sets nest.
class Translation {
 public:
  explicit Translation(std::string_view pattern) {
    while (!pattern.empty()) pattern.remove_prefix(Take(pattern));
  }
  const std::string& text() const { return text_; }

 private:
  // Translates the start of `rest`; returns how much of it.
  size_t Take(std::string_view rest) {
    if (rest[0] == '[') ++depth_;
    if (rest[0] == ']' && depth_ > 0) --depth_;
    if (rest[0] != '\\' || rest.size() == 1) {
      text_ += rest[0];
      return 1;
    }
    for (const char* property : {"\\p{L}", "\\P{L}", "\\p{N}", "\\P{N}"}) {
      if (rest.substr(0, 5) != property) continue;
      AddSet(property[1] == 'P', absl::StrCat("\\p{", std::string(1, property[3]), "}"),
             property[3] == 'L' ? kRegexLetter : kRegexNumber);
      return 5;
    }
    switch (rest[1]) {
      case 'w':
      case 'W':
        // Outside of a set Oniguruma also takes the Latin-1 numbers.
        AddSet(rest[1] == 'W',
               absl::StrCat("\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}",
                            depth_ == 0 ? "\\u00B2\\u00B3\\u00B9\\u00BC-\\u00BE" : ""),
               kWordCharacter);
        break;
      case 's':
        text_ += "\\p{White_Space}";
        break;
      case 'S':
        text_ += "\\P{White_Space}";
        break;
      case 'd':
      case 'D':
        AddSet(rest[1] == 'D', "\\p{Nd}", kRegexNumber);
        break;
      case 'h':
        text_ += "[0-9a-fA-F]";
        break;
      default:
        text_ += rest.substr(0, 2);
    }
    return 2;
  }

  void AddSet(bool complement, const std::string& set, CharClass newer) {
    absl::StrAppend(&text_, complement ? "[^" : "[", set, NewerRegexRanges(newer), "]");
  }

  std::string text_;
  int depth_ = 0;  // of sets
};

}  // namespace

absl::StatusOr<Regex> Regex::Compile(std::string_view pattern) {
  UErrorCode error = U_ZERO_ERROR;
  UParseError where = {};
  const Translation translation(pattern);
  std::shared_ptr<const icu::RegexPattern> compiled(icu::RegexPattern::compile(
      icu::UnicodeString::fromUTF8(translation.text()), UREGEX_MULTILINE, where, error));
  if (U_FAILURE(error)) {
    return absl::InvalidArgumentError(absl::StrCat("regular expression '", std::string(pattern),
                                                   "' is not understood: ", u_errorName(error),
                                                   " near character ", where.offset));
  }
  Regex regex;
  regex.pattern_ = std::move(compiled);
  return regex;
}

absl::StatusOr<Regex> Regex::CompileLiteral(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("the pattern is empty");
  Regex regex;
  regex.literal_ = std::string(text);
  return regex;
}

absl::Status Regex::FindAll(std::string_view text, std::vector<Match>& matches) const {
  matches.clear();
  if (pattern_ == nullptr) {
    for (size_t at = 0; (at = text.find(literal_, at)) != std::string_view::npos;) {
      matches.push_back({at, at + literal_.size()});
      at += literal_.size();
    }
    return absl::OkStatus();
  }
  UErrorCode error = U_ZERO_ERROR;
  UText input = UTEXT_INITIALIZER;
  utext_openUTF8(&input, text.data(), static_cast<int64_t>(text.size()), &error);
  std::unique_ptr<icu::RegexMatcher> matcher(pattern_->matcher(error));
  if (U_SUCCESS(error)) {
    matcher->setStackLimit(kStackBytes, error);
    matcher->reset(&input);
    while (matcher->find(error) && U_SUCCESS(error)) {
      matches.push_back({static_cast<size_t>(matcher->start64(error)),
                         static_cast<size_t>(matcher->end64(error))});
    }
  }
  utext_close(&input);
  if (U_FAILURE(error)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a regular expression of the tokenizer failed on this text: ", u_errorName(error)));
  }
  return absl::OkStatus();
}

}  // namespace strata::models
