// Character classes as the `tokenizers` package has them.
//
// ICU 72 (Unicode 15) is the base. The package mixes three ages of Unicode, so where its tables
// differ the difference is added here: Unicode 8 for BERT's punctuation, controls and accents,
// Unicode 9 for normal forms, Unicode 16 and 17 for regular expressions, numbers and lower case
// (all measured over every code point against tokenizers 0.23).
#ifndef STRATA_MODELS_TOKENIZER_UNICODE_CLASS_H_
#define STRATA_MODELS_TOKENIZER_UNICODE_CLASS_H_

#include <cstdint>
#include <string>

namespace strata::models {

enum CharClass : uint16_t {
  kWhiteSpace = 1 << 0,      // White_Space
  kPunctuation = 1 << 1,     // ASCII punctuation and symbols, P* of Unicode 8
  kNumeric = 1 << 2,         // N* of Unicode 17
  kWordCharacter = 1 << 3,   // \w of UTS 18
  kRegexLetter = 1 << 4,     // \p{L}
  kRegexNumber = 1 << 5,     // \p{N}
  kBertRemoved = 1 << 6,     // what BERT's cleaning drops: NUL, U+FFFD, C* of Unicode 8
  kNonspacingMark = 1 << 7,  // Mn of Unicode 8
  kCombiningMark = 1 << 8,   // M* of Unicode 9
  kCjkIdeograph = 1 << 9,    // the blocks that BERT puts spaces around
  kChangesInNfd = 1 << 10,   // decomposes, composes or reorders under that form; a run of
  kChangesInNfc = 1 << 11,   // characters without the bit is already normal
  kChangesInNfkd = 1 << 12,
  kChangesInNfkc = 1 << 13,
  kChangesInLowercase = 1 << 14,
};

// Looks up classes. Build once per pass, not per character.
class CharClasses {
 public:
  CharClasses() : table_(Table()) {}
  uint16_t Of(char32_t c) const { return c < kTableSize ? table_[c] : Compute(c); }
  bool Has(char32_t c, uint16_t classes) const { return (Of(c) & classes) != 0; }

 private:
  static constexpr char32_t kTableSize = 0x20000;  // planes 0 and 1
  static const uint16_t* Table();                  // filled on first use, about 10 ms
  static uint16_t Compute(char32_t c);

  const uint16_t* table_;
};

// Lower case of one character without context: writes 1 or 2 characters, returns how many.
int Lowercase(char32_t c, char32_t out[2]);

// True for a character that Unicode 9 does not have.
bool IsNewerThanUnicode9(char32_t c);

// The characters of kRegexLetter, kRegexNumber or kWordCharacter that ICU does not know, as ranges
// for the inside of a set of ICU's: "\U00001C89-\U00001C8A…".
std::string NewerRegexRanges(CharClass of);

// Grapheme_Cluster_Break, as ICU's UGraphemeClusterBreak.
int GraphemeClusterBreak(char32_t c);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_UNICODE_CLASS_H_
