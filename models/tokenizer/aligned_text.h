// Text in which every byte knows which bytes of the source it came from.
#ifndef STRATA_MODELS_TOKENIZER_ALIGNED_TEXT_H_
#define STRATA_MODELS_TOKENIZER_ALIGNED_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/tokenizer/utf8.h"

namespace strata::models {

struct SourceSpan {
  uint32_t begin, end;  // bytes of the source; all bytes of one character share a span
};

// Valid UTF-8 in `text`; `spans` has one entry a byte, with begins that never go down.
struct AlignedText {
  std::string text;
  std::vector<SourceSpan> spans;

  size_t size() const { return text.size(); }

  void Clear() {
    text.clear();
    spans.clear();
  }

  void Put(char32_t c, SourceSpan span) {
    char bytes[4];
    const auto length = static_cast<size_t>(EncodeUtf8(c, bytes));
    text.append(bytes, length);
    spans.insert(spans.end(), length, span);
  }

  void Append(const AlignedText& from, size_t begin, size_t end) {
    text.append(from.text, begin, end - begin);
    spans.insert(spans.end(), from.spans.begin() + static_cast<ptrdiff_t>(begin),
                 from.spans.begin() + static_cast<ptrdiff_t>(end));
  }

  // Appends source[begin, end) as it is.
  void AppendSource(std::string_view source, size_t begin, size_t end) {
    const size_t start = text.size();
    text.append(source.substr(begin, end - begin));
    spans.resize(text.size());
    SourceSpan* out = spans.data() + start;
    for (size_t i = begin; i < end;) {
      const int length = Utf8Length(source[i]);
      const auto first = static_cast<uint32_t>(i);
      const SourceSpan span = {first, first + static_cast<uint32_t>(length)};
      for (int k = 0; k < length; ++k) *out++ = span;
      i += static_cast<size_t>(length);
    }
  }

  // The source bytes behind text[begin, end), which must not be empty.
  SourceSpan Source(size_t begin, size_t end) const {
    return {spans[begin].begin, spans[end - 1].end};
  }
};

// One character on its way through a normalizer: `change` says how it relates to the characters
// before normalization, with the meaning that the package gives it: 0 takes the place of the next
// one, 1 or more is inserted after the last one, -n takes the place of one and removes n more.
struct ChangedChar {
  char32_t c;
  int change;
};

// Appends `changed` to `out`, aligned with in.text[begin, end).
void AppendChanged(const AlignedText& in, size_t begin, size_t end,
                   const std::vector<ChangedChar>& changed, AlignedText& out);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_ALIGNED_TEXT_H_
