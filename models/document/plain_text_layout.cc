#include "models/document/plain_text_layout.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "models/document/ascii_text.h"

namespace strata::models {
namespace {

constexpr size_t kLongestHeadingBytes = 200;  // 4 bytes a character at most, see kLongest…
constexpr int kLongestHeading = 80;           // characters
constexpr int kLongestShortHeading = 60;
constexpr int kMostWords = 12;

// What one pass over a line counts.
struct LineFacts {
  int characters = 0;
  int words = 0;
  int upper = 0;
  int lower = 0;
  int letters = 0;
  UChar32 first = 0;
  UChar32 last = 0;
};

LineFacts FactsOf(std::string_view line) {
  LineFacts facts;
  const auto size = static_cast<int32_t>(line.size());
  bool in_word = false;
  for (int32_t i = 0; i < size;) {
    UChar32 c;
    U8_NEXT(line.data(), i, size, c);
    if (facts.characters++ == 0) facts.first = c;
    facts.last = c;
    if (c < 0x80) {
      const char ascii = static_cast<char>(c);
      facts.words += !IsSpaceAscii(ascii) && !in_word ? 1 : 0;
      in_word = !IsSpaceAscii(ascii);
      facts.letters += IsLetterAscii(ascii) ? 1 : 0;
      facts.upper += IsUpperAscii(ascii) ? 1 : 0;
      facts.lower += IsLowerAscii(ascii) ? 1 : 0;
      continue;
    }
    const bool space = u_isUWhiteSpace(c);
    if (!space && !in_word) ++facts.words;
    in_word = !space;
    facts.letters += u_isalpha(c) ? 1 : 0;
    facts.upper += u_isupper(c) || u_istitle(c) ? 1 : 0;
    facts.lower += u_islower(c) ? 1 : 0;
  }
  return facts;
}

bool EndsLikeHeading(UChar32 last, bool question_allowed) {
  if (u_isalnum(last) || u_charType(last) == U_NON_SPACING_MARK) return true;
  if (last == '?' || last == '!' || last == 0xFF1F) return question_allowed;
  return last == ')' || last == ']' || last == '"' || last == 0x201D || last == 0x2019;
}

// The number at the start: "2", "2.1", "2.1.", then white space. Returns how many numbers it has
// and takes it off, or 0.
int32_t TakeSectionNumber(std::string_view& line) {
  int32_t depth = 0;
  size_t i = 0;
  while (i < line.size() && IsDigitAscii(line[i])) {
    const size_t begin = i;
    while (i < line.size() && IsDigitAscii(line[i])) ++i;
    if (i - begin > 3) return 0;  // a year, a quantity
    ++depth;
    if (i < line.size() && line[i] == '.') ++i;
  }
  if (depth == 0 || i >= line.size() || (line[i] != ' ' && line[i] != '\t')) return 0;
  line = StripLeadingSpace(line.substr(i));
  return depth;
}

bool IsOrdinal(std::string_view word) {
  while (!word.empty() && (word.back() == '.' || word.back() == ':')) word.remove_suffix(1);
  if (word.empty()) return false;
  const auto all = [&](auto&& test) { return std::all_of(word.begin(), word.end(), test); };
  if (all([](char c) { return IsDigitAscii(c); })) return word.size() <= 3;
  if (all([](char c) { return std::string_view("IVXLC").find(c) != std::string_view::npos; })) {
    return true;
  }
  if (word.size() == 1) return IsUpperAscii(word[0]);
  for (std::string_view number : {"one", "two", "three", "four", "five", "six", "seven", "eight",
                                  "nine", "ten", "eleven", "twelve", "first", "second", "third"}) {
    if (EqualsIgnoringCase(word, number)) return true;
  }
  return false;
}

// "Chapter IV", "BOOK ONE: Title". Returns the rank, or 0.
int32_t ChapterRank(std::string_view line) {
  struct Keyword {
    std::string_view word;
    int32_t rank;
  };
  static constexpr Keyword kKeywords[] = {{"part", 10},          {"book", 10},       {"volume", 10},
                                          {"chapter", 20},       {"appendix", 20},   {"act", 20},
                                          {"section", kTopRank}, {"scene", kTopRank}};
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || !IsUpperAscii(line[0])) return 0;
  const std::string_view rest = StripLeadingSpace(line.substr(space));
  const std::string_view ordinal = rest.substr(0, rest.find(' '));
  if (!IsOrdinal(ordinal)) return 0;
  // "Part A of the plan failed" goes on in lower case; a title does not.
  const std::string_view title = StripLeadingSpace(rest.substr(ordinal.size()));
  if (!title.empty() && IsLowerAscii(title[0])) return 0;
  for (const Keyword& keyword : kKeywords) {
    if (EqualsIgnoringCase(line.substr(0, space), keyword.word)) return keyword.rank;
  }
  return 0;
}

}  // namespace

HeadingLook LookOfLine(std::string_view line) {
  if (line.empty() || line.size() > kLongestHeadingBytes) return {};
  const LineFacts facts = FactsOf(line);
  if (facts.characters > kLongestHeading || facts.words > kMostWords) return {};
  if (const int32_t rank = ChapterRank(line); rank > 0 && facts.last != ',' && facts.last != ';') {
    return {HeadingStyle::kChapter, rank, 0};
  }
  std::string_view title = line;
  if (const int32_t depth = TakeSectionNumber(title); depth > 0) {
    const LineFacts rest = FactsOf(title);
    const bool named = rest.letters >= 2 && !u_islower(rest.first) && u_isalnum(rest.first);
    if (!named || !EndsLikeHeading(facts.last, true)) return {};
    return {HeadingStyle::kNumbered, kTopRank + 10 * (depth - 1), depth};
  }
  if (IsListItem(line)) return {};
  const bool capitals = facts.lower == 0 && facts.upper >= 4 && facts.upper * 2 > facts.characters;
  if (capitals && EndsLikeHeading(facts.last, true)) return {HeadingStyle::kCapitals, kTopRank, 0};
  const bool begins_well = u_isalnum(facts.first) && !u_islower(facts.first);
  if (facts.characters <= kLongestShortHeading && facts.letters >= 2 && begins_well &&
      EndsLikeHeading(facts.last, false)) {
    return {HeadingStyle::kShort, kShortRank, 0};
  }
  return {};
}

char RuleOfLine(std::string_view line) {
  if (line.size() < 3 || (line[0] != '=' && line[0] != '-')) return 0;
  return line.find_first_not_of(line[0]) == std::string_view::npos ? line[0] : '\0';
}

bool IsListItem(std::string_view line) {
  for (std::string_view bullet : {"- ", "* ", "+ ", "\u2022 ", "\u2022\t", "\u2013 ", "\u25E6 "}) {
    if (line.starts_with(bullet)) return true;
  }
  size_t i = !line.empty() && line[0] == '(' ? 1 : 0;
  const size_t begin = i;
  while (i < line.size() && i < begin + 3 && IsDigitAscii(line[i])) ++i;
  if (i == begin && i < line.size() && IsLetterAscii(line[i])) ++i;
  if (i == begin || i + 1 >= line.size()) return false;
  const bool digits = IsDigitAscii(line[begin]);
  const bool closed = line[i] == ')' || (digits && begin == 0 && line[i] == '.');
  return closed && line[i + 1] == ' ';
}

}  // namespace strata::models
