#include "models/document/sentence_splitter.h"

#include <unicode/localebuilder.h>
#include <unicode/uchar.h>
#include <unicode/ures.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// Not in ICU's English list, and seldom at the end of a sentence.
constexpr std::string_view kEnglishAbbreviations[] = {
    "Ch.",   "Chap.",   "Dr.",   "Drs.", "Eq.",   "Eqs.",   "Fig.",  "Figs.", "Gen.",    "Gov.",
    "Hon.",  "Messrs.", "Mmes.", "Nos.", "Pres.", "Profs.", "Ref.",  "Refs.", "Sec.",    "Secs.",
    "Sen.",  "Sr.",     "St.",   "Ste.", "Tab.",  "Vol.",   "Vols.", "al.",   "approx.", "ca.",
    "cf.",   "ch.",     "chap.", "e.g.", "eq.",   "eqs.",   "fig.",  "figs.", "i.e.",    "nos.",
    "resp.", "sec.",    "viz.",  "vol.", "vols.", "vs."};

void AddIcuAbbreviations(const icu::Locale& locale, std::vector<std::string>& out) {
  UErrorCode status = U_ZERO_ERROR;
  icu::LocalUResourceBundlePointer bundle(
      ures_open(U_ICUDATA_NAME "-brkitr", locale.getName(), &status));
  icu::LocalUResourceBundlePointer exceptions(
      ures_getByKey(bundle.getAlias(), "exceptions", nullptr, &status));
  icu::LocalUResourceBundlePointer list(
      ures_getByKey(exceptions.getAlias(), "SentenceBreak", nullptr, &status));
  if (U_FAILURE(status)) return;  // most locales have none
  const int32_t size = ures_getSize(list.getAlias());
  for (int32_t i = 0; i < size; ++i) {
    int32_t length = 0;
    const UChar* text = ures_getStringByIndex(list.getAlias(), i, &length, &status);
    if (U_FAILURE(status)) return;
    icu::UnicodeString(text, length).toUTF8String(out.emplace_back());
  }
}

}  // namespace

absl::StatusOr<SentenceSplitter> SentenceSplitter::Create(const std::string& locale) {
  // Reading a locale's rules costs more than splitting a page.
  static std::mutex& mutex = *new std::mutex;
  static auto& known = *new std::map<std::string, std::shared_ptr<const Rules>>;
  constexpr size_t kMaxKnown = 64;
  {
    std::lock_guard<std::mutex> lock(mutex);
    const auto found = known.find(locale);
    if (found != known.end()) return SentenceSplitter(found->second);
  }
  absl::StatusOr<std::shared_ptr<const Rules>> rules = ReadRules(locale);
  if (!rules.ok()) return rules.status();
  std::lock_guard<std::mutex> lock(mutex);
  if (known.size() >= kMaxKnown) known.clear();
  known[locale] = *rules;
  return SentenceSplitter(*std::move(rules));
}

absl::StatusOr<std::shared_ptr<const SentenceSplitter::Rules>> SentenceSplitter::ReadRules(
    const std::string& locale_name) {
  UErrorCode status = U_ZERO_ERROR;
  // "en_US" and "en-US" alike.
  const icu::Locale given(locale_name.c_str());
  const icu::Locale locale = icu::LocaleBuilder().setLocale(given).build(status);
  if (U_FAILURE(status) || given.isBogus()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "locale \"", locale_name, "\" is not a locale name; give one such as \"en\" or \"de-CH\""));
  }
  auto rules = std::make_shared<Rules>();
  rules->breaks.reset(icu::BreakIterator::createSentenceInstance(locale, status));
  if (U_FAILURE(status) || rules->breaks == nullptr) {
    return absl::InternalError(absl::StrCat("ICU has no sentence rules for locale \"", locale_name,
                                            "\": ", u_errorName(status)));
  }
  std::vector<std::string>& abbreviations = rules->abbreviations;
  AddIcuAbbreviations(locale, abbreviations);
  if (std::string_view(locale.getLanguage()) == "en") {
    abbreviations.insert(abbreviations.end(), std::begin(kEnglishAbbreviations),
                         std::end(kEnglishAbbreviations));
    for (char initial = 'A'; initial <= 'Z'; ++initial) {
      abbreviations.push_back({initial, '.'});
    }
  }
  std::sort(abbreviations.begin(), abbreviations.end());
  return rules;
}

void SentenceSplitter::Split(std::string_view text, std::vector<ByteSpan>& sentences) {
  const auto add = [&](int64_t begin, int64_t end) {
    const ByteSpan part = TrimWhiteSpace(text.substr(begin, end - begin));
    if (!part.empty()) sentences.push_back({begin + part.begin, begin + part.end});
  };
  const auto size = static_cast<int64_t>(text.size());
  UErrorCode status = U_ZERO_ERROR;
  UText utext = UTEXT_INITIALIZER;
  utext_openUTF8(&utext, text.data(), size, &status);
  breaks_->setText(&utext, status);
  if (U_FAILURE(status)) {
    add(0, size);
    utext_close(&utext);
    return;
  }
  int64_t begin = 0;
  for (int32_t next = breaks_->next(); next != icu::BreakIterator::DONE; next = breaks_->next()) {
    if (next < size && EndsWithAbbreviation(text.substr(begin, next - begin))) continue;
    add(begin, next);
    begin = next;
  }
  if (begin < size) add(begin, size);
  utext_close(&utext);
}

bool SentenceSplitter::EndsWithAbbreviation(std::string_view sentence) const {
  constexpr size_t kLongestWord = 16;
  while (!sentence.empty() && sentence.back() == ' ') sentence.remove_suffix(1);
  if (!sentence.ends_with(".")) return false;
  // "1. Buy milk": the number of a list item is no sentence.
  if (sentence.find_first_not_of("0123456789.") == std::string_view::npos) return true;
  size_t begin = sentence.size();
  while (begin > 0 && sentence.size() - begin <= kLongestWord &&
         std::string_view(" ([{\"'").find(sentence[begin - 1]) == std::string_view::npos) {
    --begin;
  }
  return std::binary_search(rules_->abbreviations.begin(), rules_->abbreviations.end(),
                            sentence.substr(begin));
}

ByteSpan TrimWhiteSpace(std::string_view text) {
  const auto size = static_cast<int64_t>(text.size());
  int64_t begin = 0;
  while (begin < size) {
    int64_t next = begin;
    UChar32 c;
    U8_NEXT(text.data(), next, size, c);
    if (c < 0 || !u_isUWhiteSpace(c)) break;
    begin = next;
  }
  auto end = static_cast<int32_t>(size);
  while (end > begin) {
    int32_t previous = end;
    UChar32 c;
    U8_PREV(text.data(), 0, previous, c);
    if (c < 0 || !u_isUWhiteSpace(c)) break;
    end = previous;
  }
  return {begin, end};
}

}  // namespace strata::models
