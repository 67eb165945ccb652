// BERT's text cleaning. Source: tokenization.py of google-research/bert, in the order and with the
// character classes of the `tokenizers` package: clean, space ideographs, strip accents, lower
// case.
#include <array>

#include "absl/status/status.h"
#include "models/tokenizer/normalizer.h"
#include "models/tokenizer/unicode_class.h"
#include "models/tokenizer/unicode_normalizer.h"

namespace strata::models {
namespace {

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(const BertNormalizerOptions& options)
      : options_(options), strip_accents_(options.strip_accents.value_or(options.lowercase)) {
    const CharClasses classes;
    for (char32_t c = 0; c < 0x80; ++c) {
      const uint16_t of = classes.Of(c);
      char32_t result = c;
      if (options.clean_text && (of & kBertRemoved) != 0) {
        result = kRemoved;
      } else if (options.clean_text && (of & kWhiteSpace) != 0) {
        result = ' ';
      } else if (options.lowercase && c >= 'A' && c <= 'Z') {
        result = c + ('a' - 'A');
      }
      ascii_[c] = static_cast<unsigned char>(result);
    }
    touched_ = static_cast<uint16_t>((options.clean_text ? kBertRemoved | kWhiteSpace : 0) |
                                     (options.handle_chinese_chars ? kCjkIdeograph : 0) |
                                     (strip_accents_ ? kChangesInNfd | kNonspacingMark : 0) |
                                     (options.lowercase ? kChangesInLowercase : 0));
  }

  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    const CharClasses classes;
    AlignedText run, other;
    scratch.Clear();
    scratch.text.reserve(text.size() + 16);
    scratch.spans.reserve(text.size() + 16);
    for (size_t i = 0; i < text.size();) {
      const size_t begin = i;
      while (i < text.size() && !IsSpecial(text.text[i])) ++i;
      if (i > begin) AppendAscii(text, begin, i, scratch);
      // Characters outside ASCII; a removed control among them does not end the run, for accents
      // on its two sides then come together.
      const size_t first = i;
      uint16_t seen = 0;
      while (i < text.size() && IsSpecial(text.text[i])) {
        int length;
        const char32_t c = DecodeUtf8(text.text.data() + i, length);
        seen |= c < 0x80 ? static_cast<uint16_t>(kBertRemoved) : classes.Of(c);
        i += static_cast<size_t>(length);
      }
      if ((seen & touched_) == 0) {
        scratch.Append(text, first, i);
      } else {
        AppendRun(text, first, i, seen, classes, run, other, scratch);
      }
    }
    std::swap(text, scratch);
    return absl::OkStatus();
  }

 private:
  static constexpr unsigned char kRemoved = 0xFF;

  bool IsSpecial(char c) const {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || ascii_[byte] == kRemoved;
  }

  void AppendAscii(const AlignedText& in, size_t begin, size_t end, AlignedText& out) const {
    const size_t start = out.size();
    out.Append(in, begin, end);
    char* bytes = out.text.data() + start;
    for (size_t k = 0; k < end - begin; ++k) {
      bytes[k] = static_cast<char>(ascii_[static_cast<unsigned char>(bytes[k])]);
    }
  }

  void AppendRun(const AlignedText& in, size_t begin, size_t end, uint16_t seen,
                 const CharClasses& classes, AlignedText& run, AlignedText& other,
                 AlignedText& out) const {
    run.Clear();
    for (size_t i = begin; i < end;) {
      int length;
      char32_t c = DecodeUtf8(in.text.data() + i, length);
      const SourceSpan span = in.spans[i];
      i += static_cast<size_t>(length);
      const uint16_t of = classes.Of(c);
      if (options_.clean_text) {
        if ((of & kBertRemoved) != 0) continue;
        if ((of & kWhiteSpace) != 0) c = ' ';
      }
      const bool spaced = options_.handle_chinese_chars && (of & kCjkIdeograph) != 0;
      if (spaced) run.Put(' ', span);
      run.Put(c, span);
      if (spaced) run.Put(' ', span);
    }
    if (strip_accents_ && (seen & (kChangesInNfd | kNonspacingMark)) != 0) {
      other.Clear();
      AppendNormalForm(NormalForm::kNfd, run, 0, run.size(), other);
      run.Clear();
      for (size_t i = 0; i < other.size();) {
        int length;
        const char32_t c = DecodeUtf8(other.text.data() + i, length);
        if (!classes.Has(c, kNonspacingMark)) run.Put(c, other.spans[i]);
        i += static_cast<size_t>(length);
      }
    }
    if (!options_.lowercase) {
      out.Append(run, 0, run.size());
      return;
    }
    for (size_t i = 0; i < run.size();) {
      int length;
      const char32_t c = DecodeUtf8(run.text.data() + i, length);
      char32_t lower[2] = {c, 0};
      const int count = classes.Has(c, kChangesInLowercase) ? Lowercase(c, lower) : 1;
      for (int k = 0; k < count; ++k) out.Put(lower[k], run.spans[i]);
      i += static_cast<size_t>(length);
    }
  }

  const BertNormalizerOptions options_;
  const bool strip_accents_;
  std::array<unsigned char, 0x80> ascii_;  // what an ASCII character becomes, kRemoved: nothing
  uint16_t touched_;                       // classes that this normalizer changes
};

}  // namespace

std::unique_ptr<Normalizer> MakeBertNormalizer(const BertNormalizerOptions& options) {
  return std::make_unique<BertNormalizer>(options);
}

}  // namespace strata::models
