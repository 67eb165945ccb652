#include "models/tokenizer/aligned_text.h"

namespace strata::models {

void AppendChanged(const AlignedText& in, size_t begin, size_t end,
                   const std::vector<ChangedChar>& changed, AlignedText& out) {
  size_t at = begin;
  const auto advance = [&](int characters) {
    while (characters-- > 0 && at < end) at += static_cast<size_t>(Utf8Length(in.text[at]));
  };
  for (const ChangedChar& character : changed) {
    if (character.change > 0) {
      const SourceSpan span = at > begin ? in.spans[at - 1]
                              : begin < end
                                  ? SourceSpan{in.spans[begin].begin, in.spans[begin].begin}
                                  : SourceSpan{0, 0};
      out.Put(character.c, span);
      continue;
    }
    // Past the end only when removed characters had nothing before them to be counted on.
    const size_t where = at < end ? at : end - 1;
    out.Put(character.c, in.spans[where]);
    advance(1 - character.change);
  }
}

}  // namespace strata::models
