#include "models/tokenizer/byte_level_pre_tokenizer.h"

#include <utility>

#include "absl/status/status.h"
#include "models/tokenizer/byte_level.h"
#include "models/tokenizer/unicode_class.h"

namespace strata::models {
namespace {

// End of the match of
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// that starts at `i`; there always is one. By hand, for ICU's matcher costs more than all the rest.
class Gpt2Pattern {
 public:
  Gpt2Pattern(std::string_view text) : text_(text) {}

  size_t MatchEnd(size_t i) const {
    if (text_[i] == '\'') {
      if (const size_t length = ContractionLength(i); length > 0) return i + length;
    }
    const size_t start = text_[i] == ' ' ? i + 1 : i;
    if (start < text_.size()) {
      if (const int kind = KindAt(start); kind != kSpaceKind) return RunEnd(start, kind);
    }
    // White space: all but the last character of the run, unless that is all there is or nothing
    // follows.
    size_t last = i, end = i;
    while (end < text_.size()) {
      int length;
      if (Kind(DecodeUtf8(text_.data() + end, length)) != kSpaceKind) break;
      last = end;
      end += static_cast<size_t>(length);
    }
    return end == text_.size() || last == i ? end : last;
  }

 private:
  static constexpr int kSpaceKind = kWhiteSpace;

  size_t ContractionLength(size_t i) const {
    const char a = i + 1 < text_.size() ? text_[i + 1] : '\0';
    const char b = i + 2 < text_.size() ? text_[i + 2] : '\0';
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
  }

  int Kind(char32_t c) const {
    return classes_.Of(c) & (kWhiteSpace | kRegexLetter | kRegexNumber);
  }
  int KindAt(size_t i) const {
    int length;
    return Kind(DecodeUtf8(text_.data() + i, length));
  }

  size_t RunEnd(size_t i, int kind) const {
    while (i < text_.size()) {
      int length;
      if (Kind(DecodeUtf8(text_.data() + i, length)) != kind) break;
      i += static_cast<size_t>(length);
    }
    return i;
  }

  const CharClasses classes_;
  const std::string_view text_;
};

class ByteLevelPreTokenizer : public PreTokenizer {
 public:
  ByteLevelPreTokenizer(bool add_prefix_space, bool use_regex)
      : add_prefix_space_(add_prefix_space), use_regex_(use_regex) {}

  bool UseRawBytes() override { return raw_bytes_ = true; }

  absl::Status Apply(SplitText& text) const override {
    if (add_prefix_space_) AddPrefixSpace(text);
    if (use_regex_) CutWords(text);
    if (!raw_bytes_) GiveBytesCharacters(text);
    return absl::OkStatus();
  }

 private:
  static void AddPrefixSpace(SplitText& text) {
    AlignedText& out = text.scratch_text;
    out.Clear();
    for (Split& split : text.splits) {
      const size_t begin = out.size();
      if (split.token_id < 0 && text.text.text[split.begin] != ' ') {
        out.Put(' ', text.text.spans[split.begin]);
      }
      out.Append(text.text, split.begin, split.end);
      split.begin = begin;
      split.end = out.size();
    }
    std::swap(text.text, out);
  }

  static void CutWords(SplitText& text) {
    text.scratch_splits.clear();
    for (const Split& split : text.splits) {
      if (split.token_id >= 0) {
        text.scratch_splits.push_back(split);
        continue;
      }
      const Gpt2Pattern pattern(std::string_view(text.text.text).substr(0, split.end));
      for (size_t i = split.begin; i < split.end;) {
        const size_t end = pattern.MatchEnd(i);
        text.scratch_splits.push_back({i, end});
        i = end;
      }
    }
    std::swap(text.splits, text.scratch_splits);
  }

  static void GiveBytesCharacters(SplitText& text) {
    AlignedText& out = text.scratch_text;
    out.Clear();
    for (Split& split : text.splits) {
      const size_t begin = out.size();
      if (split.token_id >= 0) {
        out.Append(text.text, split.begin, split.end);
      } else {
        AppendByteCharacters(text.text, split.begin, split.end, out);
      }
      split.begin = begin;
      split.end = out.size();
    }
    std::swap(text.text, out);
  }

  const bool add_prefix_space_, use_regex_;
  bool raw_bytes_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PreTokenizer>> ParseByteLevelPreTokenizer(const JsonField& field) {
  const absl::StatusOr<bool> add_prefix_space = field.At("add_prefix_space").Bool();
  if (!add_prefix_space.ok()) return add_prefix_space.status();
  const absl::StatusOr<bool> use_regex = field.At("use_regex").Bool(true);
  if (!use_regex.ok()) return use_regex.status();
  return std::make_unique<ByteLevelPreTokenizer>(*add_prefix_space, *use_regex);
}

}  // namespace strata::models
