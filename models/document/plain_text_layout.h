// What the look of a line of plain text says: a heading, the rule under one, a list item.
//
// Conservative: a missed heading costs a little structure, a false one tears a text apart.
#ifndef STRATA_MODELS_DOCUMENT_PLAIN_TEXT_LAYOUT_H_
#define STRATA_MODELS_DOCUMENT_PLAIN_TEXT_LAYOUT_H_

#include <cstdint>
#include <string_view>

namespace strata::models {

enum class HeadingStyle : uint8_t {
  kNone,
  kChapter,   // "Chapter IV", "Part Two: The Sea", "Appendix B"
  kNumbered,  // "1.2 Title"
  kCapitals,  // "THE END OF THE WAR"
  kShort,     // a short line without end punctuation: only its surroundings tell
};

struct HeadingLook {
  HeadingStyle style = HeadingStyle::kNone;
  int32_t rank = 0;   // 1 = outermost; as DocumentBuilder::OpenSection takes it
  int32_t depth = 0;  // of kNumbered: how many numbers
};

// Ranks of headings known by other means than HeadingLook.
inline constexpr int32_t kDoubleRuleRank = 30;  // underlined with ===
inline constexpr int32_t kTopRank = 40;         // capitals and numbered "1 Title"
inline constexpr int32_t kSingleRuleRank = 45;  // underlined with ---
inline constexpr int32_t kShortRank = 60;

// `line` without white space at its ends. O(1): only short lines are looked at.
HeadingLook LookOfLine(std::string_view line);

// '=' or '-' if the line is a rule of three or more of these and nothing else, else 0.
char RuleOfLine(std::string_view line);

// "- item", "* item", "• item", "3. item", "3) item", "(a) item".
bool IsListItem(std::string_view line);

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_PLAIN_TEXT_LAYOUT_H_
