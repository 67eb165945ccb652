#include "models/tokenizer/unicode_class.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <array>
#include <memory>

#include "absl/strings/str_format.h"

namespace strata::models {
namespace {

struct Range {
  char32_t first, last;
};

// Unicode 15.1 to 17, unknown to ICU 72.
constexpr Range kNewerWordCharacters[] = {
    {0x0897, 0x0897},   {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},
    {0x105C0, 0x105F3}, {0x10D40, 0x10D65}, {0x10D69, 0x10D6D}, {0x10D6F, 0x10D85},
    {0x10EC2, 0x10EC4}, {0x10EFC, 0x10EFC}, {0x11380, 0x11389}, {0x1138B, 0x1138B},
    {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113C0}, {0x113C2, 0x113C2},
    {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D3}, {0x113E1, 0x113E2},
    {0x116D0, 0x116E3}, {0x11BC0, 0x11BE0}, {0x11BF0, 0x11BF9}, {0x11F5A, 0x11F5A},
    {0x13460, 0x143FA}, {0x16100, 0x16139}, {0x16D40, 0x16D6C}, {0x16D70, 0x16D79},
    {0x18CFF, 0x18CFF}, {0x1CCF0, 0x1CCF9}, {0x1E5D0, 0x1E5FA}, {0x2EBF0, 0x2EE5D}};
constexpr Range kNewerLetters[] = {
    {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3},
    {0x10D4A, 0x10D65}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x11380, 0x11389},
    {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7},
    {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0}, {0x13460, 0x143FA},
    {0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x18CFF, 0x18CFF}, {0x1E5D0, 0x1E5ED},
    {0x1E5F0, 0x1E5F0}, {0x2EBF0, 0x2EE5D}};
constexpr Range kNewerMarks[] = {
    {0x897, 0x897},     {0x1ACF, 0x1ADD},   {0x1AE0, 0x1AEB},   {0x10D69, 0x10D6D},
    {0x10EFA, 0x10EFC}, {0x113B8, 0x113C0}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5},
    {0x113C7, 0x113CA}, {0x113CC, 0x113D0}, {0x113D2, 0x113D2}, {0x113E1, 0x113E2},
    {0x11B60, 0x11B67}, {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F}, {0x1E5EE, 0x1E5EF},
    {0x1E6E3, 0x1E6E3}, {0x1E6E6, 0x1E6E6}, {0x1E6EE, 0x1E6EF}, {0x1E6F5, 0x1E6F5}};
constexpr Range kNewerRegexNumbers[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9},
                                        {0x16130, 0x16139}, {0x16D70, 0x16D79}, {0x1CCF0, 0x1CCF9},
                                        {0x1E5F1, 0x1E5FA}};
constexpr Range kNewerNumerics[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9},
                                    {0x11DE0, 0x11DE9}, {0x16130, 0x16139}, {0x16D70, 0x16D79},
                                    {0x16FF4, 0x16FF6}, {0x1CCF0, 0x1CCF9}, {0x1E5F1, 0x1E5FA}};

// The blocks of BERT's tokenization.py; the odd 2B920 is the package's.
constexpr Range kCjk[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                          {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                          {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};

template <size_t kSize>
bool In(char32_t c, const Range (&ranges)[kSize]) {
  for (const Range& range : ranges) {
    if (c >= range.first && c <= range.last) return true;
  }
  return false;
}

bool IsNewerThan(char32_t c, uint8_t major) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] > major || age[0] == 0;
}

// Upper case letters of Unicode 16 and 17.
char32_t NewerLowercase(char32_t c) {
  if (c == 0x1C89 || c == 0xA7CC || c == 0xA7CE || c == 0xA7D2 || c == 0xA7D4 || c == 0xA7DA) {
    return c + 1;
  }
  if (c == 0xA7CB) return 0x264;
  if (c == 0xA7DC) return 0x19B;
  if (c >= 0x10D50 && c <= 0x10D65) return c + 0x20;
  if (c >= 0x16EA0 && c <= 0x16EB8) return c + 0x1B;
  return c;
}

bool ChangesInNormalForm(char32_t c, UProperty quick_check) {
  const auto u = static_cast<UChar32>(c);
  if (u_getIntPropertyValue(u, quick_check) == UNORM_YES && u_getCombiningClass(u) == 0) {
    return false;
  }
  return !IsNewerThanUnicode9(c);
}

}  // namespace

const uint16_t* CharClasses::Table() {
  static const std::unique_ptr<uint16_t[]> table = [] {
    auto classes = std::make_unique<uint16_t[]>(kTableSize);
    for (char32_t c = 0; c < kTableSize; ++c) classes[c] = Compute(c);
    return classes;
  }();
  return table.get();
}

uint16_t CharClasses::Compute(char32_t c) {
  const auto u = static_cast<UChar32>(c);
  const uint32_t category = U_MASK(u_charType(u));
  const bool is_mark = (category & U_GC_M_MASK) != 0;
  unsigned classes = 0;
  if (u_hasBinaryProperty(u, UCHAR_WHITE_SPACE)) classes |= kWhiteSpace;
  if (c < 0x80
          ? (category & (U_GC_P_MASK | U_GC_S_MASK)) != 0
          : ((category & U_GC_P_MASK) != 0 && !IsNewerThan(c, 8)) || c == 0x166D || c == 0x111C9) {
    classes |= kPunctuation;
  }
  if ((category & U_GC_N_MASK) != 0 || In(c, kNewerNumerics)) classes |= kNumeric;
  if ((category & U_GC_N_MASK) != 0 || In(c, kNewerRegexNumbers)) classes |= kRegexNumber;
  if ((category & U_GC_L_MASK) != 0 || In(c, kNewerLetters)) classes |= kRegexLetter;
  if (u_hasBinaryProperty(u, UCHAR_ALPHABETIC) || is_mark ||
      (category & (U_GC_ND_MASK | U_GC_PC_MASK)) != 0 || c == 0x200C || c == 0x200D ||
      In(c, kNewerWordCharacters)) {
    classes |= kWordCharacter;
  }
  if (c == 0 || c == 0xFFFD ||
      ((category & U_GC_C_MASK & ~U_GC_CN_MASK) != 0 && c != '\t' && c != '\n' && c != '\r' &&
       !IsNewerThan(c, 8))) {
    classes |= kBertRemoved;
  }
  if (c == 0x1734 || ((category & U_GC_MN_MASK) != 0 && !IsNewerThan(c, 8) && c != 0x1885 &&
                      c != 0x1886 && c != 0xA9BD && c != 0x111C9)) {
    classes |= kNonspacingMark;
  }
  if (c == 0x1CF2 || c == 0x1CF3 || (is_mark && !IsNewerThan(c, 9) && c != 0x111C9)) {
    classes |= kCombiningMark;
  }
  if (In(c, kCjk)) classes |= kCjkIdeograph;
  if (c >= 0x80) {
    if (ChangesInNormalForm(c, UCHAR_NFD_QUICK_CHECK)) classes |= kChangesInNfd;
    if (ChangesInNormalForm(c, UCHAR_NFC_QUICK_CHECK)) classes |= kChangesInNfc;
    if (ChangesInNormalForm(c, UCHAR_NFKD_QUICK_CHECK)) classes |= kChangesInNfkd;
    if (ChangesInNormalForm(c, UCHAR_NFKC_QUICK_CHECK)) classes |= kChangesInNfkc;
  }
  char32_t lower[2];
  if (Lowercase(c, lower) != 1 || lower[0] != c) classes |= kChangesInLowercase;
  return static_cast<uint16_t>(classes);
}

int Lowercase(char32_t c, char32_t out[2]) {
  if (c == 0x130) {  // the one character whose lower case is longer: i and a dot above
    out[0] = 'i';
    out[1] = 0x307;
    return 2;
  }
  out[0] = static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
  if (out[0] == c && c >= 0x1C89) out[0] = NewerLowercase(c);
  return 1;
}

bool IsNewerThanUnicode9(char32_t c) { return IsNewerThan(c, 9); }

std::string NewerRegexRanges(CharClass of) {
  std::string set;
  const auto add = [&set](const auto& ranges) {
    for (const Range& range : ranges) {
      absl::StrAppendFormat(&set, "\\U%08X-\\U%08X", static_cast<uint32_t>(range.first),
                            static_cast<uint32_t>(range.last));
    }
  };
  if (of == kRegexLetter) add(kNewerLetters);
  if (of == kRegexNumber) add(kNewerRegexNumbers);
  if (of == kWordCharacter) add(kNewerWordCharacters);
  return set;
}

int GraphemeClusterBreak(char32_t c) {
  if (In(c, kNewerMarks)) return U_GCB_EXTEND;
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_GRAPHEME_CLUSTER_BREAK);
}

}  // namespace strata::models
