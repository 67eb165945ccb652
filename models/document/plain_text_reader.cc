// Plain text: blank lines part blocks; the lines of a block are one hard-wrapped paragraph, list
// items apart; a block of one line may be a heading (plain_text_layout.h).
#include <algorithm>
#include <cstring>
#include <optional>

#include "models/document/ascii_text.h"
#include "models/document/format_readers.h"
#include "models/document/plain_text_layout.h"

namespace strata::models {
namespace {

// Nobody wraps by hand at more than this many bytes: such a text has one paragraph a line.
constexpr int64_t kLongestWrappedLine = 320;

// A block of lines between blank ones, or one line of a text that is not wrapped.
struct Block {
  std::string_view text;   // from the first line's first byte to the last line's last
  std::string_view first;  // first line, without white space at its ends
  int64_t num_lines = 0;
  HeadingLook look;  // of a block of one line
};

class LineReader {
 public:
  explicit LineReader(std::string_view text)
      : text_(text), end_of_line_(text.find('\n') == std::string_view::npos ? '\r' : '\n') {}

  bool at_end() const { return at_ >= text_.size(); }
  size_t at() const { return at_; }
  void GoTo(size_t at) { at_ = at; }
  // The next line, without white space at its ends; moves on.
  std::string_view Next() {
    const size_t end = std::min(text_.find(end_of_line_, at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1;
    return StripSpace(line);
  }

 private:
  std::string_view text_;
  char end_of_line_;
  size_t at_ = 0;
};

class BlockReader {
 public:
  explicit BlockReader(std::string_view text) : text_(text), lines_(text) {}

  std::optional<Block> Next() {
    while (lines_.at() >= unwrapped_until_) {
      if (!FindBlock()) return std::nullopt;
      if (lines_.at() >= unwrapped_until_) return found_;
    }
    return NextLine();
  }

 private:
  // Finds the next block into found_. If its lines are paragraphs of their own, goes back to its
  // first line and sets unwrapped_until_.
  bool FindBlock() {
    std::string_view line;
    while (line.empty()) {
      if (lines_.at_end()) return false;
      line = lines_.Next();
    }
    found_ = {line, line, 0, {}};
    size_t longest = 0;
    size_t end = 0;
    while (!line.empty()) {
      ++found_.num_lines;
      longest = std::max(longest, line.size());
      end = static_cast<size_t>(line.data() - text_.data()) + line.size();
      if (lines_.at_end()) break;
      line = lines_.Next();
    }
    const auto begin = static_cast<size_t>(found_.first.data() - text_.data());
    found_.text = text_.substr(begin, end - begin);
    if (found_.num_lines > 1 && longest > kLongestWrappedLine) {
      lines_.GoTo(begin);
      unwrapped_until_ = end;
    } else if (found_.num_lines == 1) {
      found_.look = LookOfLine(found_.first);
    }
    return true;
  }

  std::optional<Block> NextLine() {
    const std::string_view line = lines_.Next();
    return Block{line, line, 1, LookOfLine(line)};
  }

  std::string_view text_;
  LineReader lines_;
  Block found_;
  size_t unwrapped_until_ = 0;
};

class PlainTextReader {
 public:
  PlainTextReader(std::string_view text, DocumentBuilder& builder)
      : blocks_(text), builder_(builder) {}

  void Read() {
    std::optional<Block> block = blocks_.Next();
    while (block.has_value() && builder_.status().ok()) {
      std::optional<Block> next = blocks_.Next();
      const HeadingLook look = block->look;
      const bool is_heading = IsHeading(*block, next);
      if (is_heading) {
        AddHeading(look.style == HeadingStyle::kShort ? ShortRank() : look.rank, block->text);
        numbers_seen_ |= look.style == HeadingStyle::kNumbered;
      } else if (block->num_lines == 1) {
        if (RuleOfLine(block->text) == 0) AddParagraph(block->text);
      } else {
        AddLines(*block);
      }
      previous_ = look;
      previous_was_heading_ = is_heading;
      block = next;
    }
  }

 private:
  // "Abstract" before "1 Introduction" and "References" after it stand beside the numbered ones.
  int32_t ShortRank() const { return numbers_seen_ ? kTopRank : kShortRank; }

  bool IsHeading(const Block& block, const std::optional<Block>& next) const {
    const HeadingLook& look = block.look;
    switch (look.style) {
      case HeadingStyle::kNone:
        return false;
      case HeadingStyle::kChapter:
      case HeadingStyle::kCapitals:
        return true;
      case HeadingStyle::kNumbered: {
        // Items of a list follow each other without text between them.
        const auto alike = [&](const HeadingLook& other) {
          return other.style == HeadingStyle::kNumbered && other.depth == look.depth;
        };
        if (look.depth > 1) return true;
        const bool in_list =
            (next.has_value() && alike(next->look)) || (alike(previous_) && !previous_was_heading_);
        return !in_list;
      }
      case HeadingStyle::kShort: {
        // Only above a real paragraph: verses and lists are short lines, too.
        if (!next.has_value() || next->look.style != HeadingStyle::kNone) return false;
        const size_t size = next->text.size();
        return !IsListItem(next->first) && size > 80 && size > 2 * block.text.size();
      }
    }
    return false;
  }

  // Lines that belong together; the first may be a heading, with a rule below it or without.
  void AddLines(const Block& block) {
    LineReader lines(block.text);
    const std::string_view first = lines.Next();
    const size_t after_first = lines.at();
    const std::string_view second = lines.Next();
    const HeadingLook look = LookOfLine(first);
    std::string_view rest = block.text;
    if (const char rule = RuleOfLine(second);
        rule != 0 && RuleOfLine(first) == 0 && first.size() <= 200 && !IsListItem(first)) {
      AddHeading(rule == '=' ? kDoubleRuleRank : kSingleRuleRank, first);
      rest.remove_prefix(std::min(lines.at(), rest.size()));
    } else if (look.style == HeadingStyle::kChapter && block.num_lines == 2 &&
               LookOfLine(second).style != HeadingStyle::kNone) {
      AddHeading(look.rank, block.text);
      return;
    } else if (look.style == HeadingStyle::kCapitals &&
               LookOfLine(second).style != HeadingStyle::kCapitals) {
      AddHeading(look.rank, first);
      rest.remove_prefix(std::min(after_first, rest.size()));
    }
    AddItems(rest);
  }

  // One paragraph, or one for each list item if the block begins with one.
  void AddItems(std::string_view text) {
    LineReader lines(text);
    bool is_list = false;
    size_t begin = 0;
    for (bool first = true; !lines.at_end() && builder_.status().ok(); first = false) {
      const size_t at = lines.at();
      const std::string_view line = lines.Next();
      const bool item = IsListItem(line);
      if (first) is_list = item;
      if (first || !is_list || !item) {
        if (!is_list) break;
        continue;
      }
      AddParagraph(text.substr(begin, at - begin));
      begin = at;
    }
    AddParagraph(text.substr(begin));
  }

  void AddHeading(int32_t rank, std::string_view text) {
    builder_.OpenSection(rank, builder_.PlaceOf(text));
    builder_.BeginHeading();
    builder_.AddText(text);
    builder_.EndBlock();
  }

  void AddParagraph(std::string_view text) {
    builder_.BeginParagraph();
    builder_.AddText(text);
    builder_.EndBlock();
  }

  BlockReader blocks_;
  DocumentBuilder& builder_;
  HeadingLook previous_;
  bool previous_was_heading_ = false;
  bool numbers_seen_ = false;
};

}  // namespace

absl::Status ReadPlainText(std::string_view text, DocumentBuilder& builder) {
  PlainTextReader(text, builder).Read();
  return builder.status();
}

}  // namespace strata::models
