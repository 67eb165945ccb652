#include "models/eval/porter_stemmer.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace strata::models {
namespace {

// Words that NLTK knows by heart.
constexpr std::pair<std::string_view, std::string_view> kIrregular[] = {
    {"skies", "sky"},      {"sky", "sky"},         {"dying", "die"},        {"lying", "lie"},
    {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
    {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
    {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"}};

bool IsConsonant(std::string_view word, size_t i) {
  // A y is the opposite of what stands before it, and a consonant in front.
  bool opposite = false;
  while (word[i] == 'y' && i > 0) {
    opposite = !opposite;
    --i;
  }
  const bool consonant =
      word[i] == 'y' || std::string_view("aeiou").find(word[i]) == std::string_view::npos;
  return consonant != opposite;
}

// How often a vowel is followed by a consonant: the m of [C](VC)^m[V].
int Measure(std::string_view word) {
  int count = 0;
  for (size_t i = 1; i < word.size(); ++i) {
    count += !IsConsonant(word, i - 1) && IsConsonant(word, i);
  }
  return count;
}

bool HasVowel(std::string_view word) {
  for (size_t i = 0; i < word.size(); ++i) {
    if (!IsConsonant(word, i)) return true;
  }
  return false;
}

bool EndsInDouble(std::string_view word) {
  const size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && IsConsonant(word, n - 1);
}

// Consonant, vowel, consonant other than w, x and y; or a word of one vowel and one consonant.
bool EndsShort(std::string_view word) {
  const size_t n = word.size();
  if (n == 2) return !IsConsonant(word, 0) && IsConsonant(word, 1);
  return n >= 3 && IsConsonant(word, n - 3) && !IsConsonant(word, n - 2) &&
         IsConsonant(word, n - 1) && std::string_view("wxy").find(word[n - 1]) == word.npos;
}

struct Rule {
  std::string_view suffix, replacement;
};

// The first rule whose suffix the word has decides, whether or not its stem is long enough.
std::string Apply(const std::vector<Rule>& rules, int more_than, std::string word) {
  for (const Rule& rule : rules) {
    if (!word.ends_with(rule.suffix)) continue;
    const std::string_view stem =
        std::string_view(word).substr(0, word.size() - rule.suffix.size());
    if (Measure(stem) <= more_than) return word;
    return std::string(stem) + std::string(rule.replacement);
  }
  return word;
}

std::string WithoutLast(const std::string& word, size_t count) {
  return word.substr(0, word.size() - count);
}

std::string Plurals(std::string word) {
  if (word.ends_with("ies")) return WithoutLast(word, word.size() == 4 ? 1 : 2);
  if (word.ends_with("sses")) return WithoutLast(word, 2);
  if (word.ends_with("s") && !word.ends_with("ss")) return WithoutLast(word, 1);
  return word;
}

std::string PastAndGerund(std::string word) {
  if (word.ends_with("ied")) return WithoutLast(word, word.size() == 4 ? 1 : 2);
  if (word.ends_with("eed")) {
    return Measure(WithoutLast(word, 3)) > 0 ? WithoutLast(word, 1) : word;
  }
  std::string stem;
  if (word.ends_with("ed") && HasVowel(WithoutLast(word, 2))) {
    stem = WithoutLast(word, 2);
  } else if (word.ends_with("ing") && HasVowel(WithoutLast(word, 3))) {
    stem = WithoutLast(word, 3);
  } else {
    return word;
  }
  if (stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz")) return stem + "e";
  if (EndsInDouble(stem)) {
    const char last = stem.back();
    return last == 'l' || last == 's' || last == 'z' ? stem : WithoutLast(stem, 1);
  }
  return Measure(stem) == 1 && EndsShort(stem) ? stem + "e" : stem;
}

std::string FinalY(std::string word) {
  const size_t n = word.size();
  if (n > 2 && word[n - 1] == 'y' && IsConsonant(word, n - 2)) word[n - 1] = 'i';
  return word;
}

std::string DoubleSuffixes(std::string word) {
  static const std::vector<Rule> kRules = {
      {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
      {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
      {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
      {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
      {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
      {"fulli", "ful"}};
  while (word.ends_with("alli") && Measure(WithoutLast(word, 4)) > 0) word = WithoutLast(word, 2);
  // The l is counted with the stem, so that "geologi" has one.
  if (word.ends_with("logi")) {
    return Measure(WithoutLast(word, 3)) > 0 ? WithoutLast(word, 1) : word;
  }
  return Apply(kRules, 0, std::move(word));
}

std::string SingleSuffixes(std::string word) {
  static const std::vector<Rule> kRules = {{"icate", "ic"}, {"ative", ""},  {"alize", "al"},
                                           {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""},
                                           {"ness", ""}};
  return Apply(kRules, 0, std::move(word));
}

std::string Endings(std::string word) {
  static const std::vector<Rule> kBefore = {{"al", ""},    {"ance", ""}, {"ence", ""}, {"er", ""},
                                            {"ic", ""},    {"able", ""}, {"ible", ""}, {"ant", ""},
                                            {"ement", ""}, {"ment", ""}, {"ent", ""}};
  static const std::vector<Rule> kAfter = {{"ou", ""},  {"ism", ""}, {"ate", ""}, {"iti", ""},
                                           {"ous", ""}, {"ive", ""}, {"ize", ""}};
  if (word.ends_with("ion")) {
    const std::string stem = WithoutLast(word, 3);
    const bool fits = Measure(stem) > 1 && (stem.back() == 's' || stem.back() == 't');
    return fits ? stem : word;
  }
  const auto has = [&](const Rule& rule) { return word.ends_with(rule.suffix); };
  const bool before = std::any_of(kBefore.begin(), kBefore.end(), has);
  return Apply(before ? kBefore : kAfter, 1, std::move(word));
}

std::string FinalE(std::string word) {
  if (word.ends_with("e")) {
    const std::string stem = WithoutLast(word, 1);
    const int measure = Measure(stem);
    if (measure > 1 || (measure == 1 && !EndsShort(stem))) word = stem;
  }
  if (word.ends_with("ll") && Measure(WithoutLast(word, 1)) > 1) return WithoutLast(word, 1);
  return word;
}

}  // namespace

std::string PorterStem(std::string_view word) {
  for (const auto& [irregular, stem] : kIrregular) {
    if (word == irregular) return std::string(stem);
  }
  if (word.size() <= 2) return std::string(word);
  std::string stem = DoubleSuffixes(FinalY(PastAndGerund(Plurals(std::string(word)))));
  return FinalE(Endings(SingleSuffixes(std::move(stem))));
}

}  // namespace strata::models
