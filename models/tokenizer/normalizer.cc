#include "models/tokenizer/normalizer.h"

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/tokenizer/byte_level.h"
#include "models/tokenizer/precompiled_normalizer.h"
#include "models/tokenizer/regex.h"
#include "models/tokenizer/unicode_class.h"
#include "models/tokenizer/unicode_normalizer.h"

namespace strata::models {
namespace {

constexpr int kMaxDepth = 16;  // of Sequences in Sequences

using Made = absl::StatusOr<std::unique_ptr<Normalizer>>;

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}
  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    for (const auto& part : parts_) {
      if (absl::Status status = part->Apply(text, scratch); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<std::unique_ptr<Normalizer>> parts_;
};

constexpr char32_t kDropped = 0xFFFFFFFF;

// Characters one by one: each becomes another one or goes away.
class CharacterMap : public Normalizer {
 public:
  using Function = char32_t (*)(const CharClasses&, char32_t);
  explicit CharacterMap(Function function) : function_(function) {}

  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    const CharClasses classes;
    scratch.Clear();
    for (size_t i = 0; i < text.size();) {
      int length;
      const char32_t c = function_(classes, DecodeUtf8(text.text.data() + i, length));
      if (c != kDropped) scratch.Put(c, text.spans[i]);
      i += static_cast<size_t>(length);
    }
    std::swap(text, scratch);
    return absl::OkStatus();
  }

 private:
  const Function function_;
};

char32_t DropCombiningMark(const CharClasses& classes, char32_t c) {
  return classes.Has(c, kCombiningMark) ? kDropped : c;
}

// Source: NmtNormalizer of the package (SentencePiece's nmt rules without NFKC).
char32_t MapNmt(const CharClasses&, char32_t c) {
  if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
      c == 0x9F) {
    return kDropped;
  }
  const bool space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                     (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                     c == 0xFEFF || c == 0xFFFD;
  return space ? ' ' : c;
}

class LowercaseNormalizer : public Normalizer {
 public:
  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    const CharClasses classes;
    scratch.Clear();
    for (size_t i = 0; i < text.size();) {
      int length;
      const char32_t c = DecodeUtf8(text.text.data() + i, length);
      char32_t lower[2] = {c, 0};
      const int count = classes.Has(c, kChangesInLowercase) ? Lowercase(c, lower) : 1;
      for (int k = 0; k < count; ++k) scratch.Put(lower[k], text.spans[i]);
      i += static_cast<size_t>(length);
    }
    std::swap(text, scratch);
    return absl::OkStatus();
  }
};

class ByteLevelNormalizer : public Normalizer {
 public:
  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    scratch.Clear();
    AppendByteCharacters(text, 0, text.size(), scratch);
    std::swap(text, scratch);
    return absl::OkStatus();
  }
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    const CharClasses classes;
    size_t begin = 0, end = text.size();
    while (left_ && begin < end) {
      int length;
      if (!classes.Has(DecodeUtf8(text.text.data() + begin, length), kWhiteSpace)) break;
      begin += static_cast<size_t>(length);
    }
    while (right_ && begin < end) {
      size_t last = end - 1;
      while ((text.text[last] & 0xC0) == 0x80) --last;
      int length;
      if (!classes.Has(DecodeUtf8(text.text.data() + last, length), kWhiteSpace)) break;
      end = last;
    }
    scratch.Clear();
    scratch.Append(text, begin, end);
    std::swap(text, scratch);
    return absl::OkStatus();
  }

 private:
  const bool left_, right_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    if (text.size() == 0) return absl::OkStatus();
    scratch.Clear();
    scratch.text = prefix_;
    scratch.spans.assign(prefix_.size(), text.spans[0]);
    scratch.Append(text, 0, text.size());
    std::swap(text, scratch);
    return absl::OkStatus();
  }

 private:
  const std::string prefix_;
};

class Replace : public Normalizer {
 public:
  Replace(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    std::vector<Match> matches;
    if (absl::Status status = pattern_.FindAll(text.text, matches); !status.ok()) return status;
    if (matches.empty()) return absl::OkStatus();
    scratch.Clear();
    size_t copied = 0;
    for (const Match& match : matches) {
      scratch.Append(text, copied, match.begin);
      copied = match.end;
      // The new characters count as inserted after the last one that they replace.
      const SourceSpan span = match.end > 0 ? text.spans[match.end - 1]
                              : text.spans.empty()
                                  ? SourceSpan{0, 0}
                                  : SourceSpan{text.spans[0].begin, text.spans[0].begin};
      scratch.text += content_;
      scratch.spans.insert(scratch.spans.end(), content_.size(), span);
    }
    scratch.Append(text, copied, text.size());
    std::swap(text, scratch);
    return absl::OkStatus();
  }

 private:
  const Regex pattern_;
  const std::string content_;
};

Made Parse(const JsonField& field, int depth);

Made ParseBert(const JsonField& field) {
  BertNormalizerOptions options;
  const absl::StatusOr<bool> clean = field.At("clean_text").Bool(true);
  const absl::StatusOr<bool> chinese = field.At("handle_chinese_chars").Bool(true);
  const absl::StatusOr<bool> lowercase = field.At("lowercase").Bool(true);
  for (const auto* value : {&clean, &chinese, &lowercase}) {
    if (!value->ok()) return value->status();
  }
  options.clean_text = *clean;
  options.handle_chinese_chars = *chinese;
  options.lowercase = *lowercase;
  if (const JsonField accents = field.At("strip_accents"); !accents.is_null()) {
    const absl::StatusOr<bool> value = accents.Bool();
    if (!value.ok()) return value.status();
    options.strip_accents = *value;
  }
  return MakeBertNormalizer(options);
}

Made ParseStrip(const JsonField& field) {
  const absl::StatusOr<bool> left = field.At("strip_left").Bool();
  if (!left.ok()) return left.status();
  const absl::StatusOr<bool> right = field.At("strip_right").Bool();
  if (!right.ok()) return right.status();
  return std::make_unique<Strip>(*left, *right);
}

Made ParsePrepend(const JsonField& field) {
  absl::StatusOr<std::string> prefix = field.At("prepend").String();
  if (!prefix.ok()) return prefix.status();
  return std::make_unique<Prepend>(*std::move(prefix));
}

Made ParseReplace(const JsonField& field) {
  absl::StatusOr<std::string> content = field.At("content").String();
  if (!content.ok()) return content.status();
  const JsonField pattern = field.At("pattern");
  const bool literal = !pattern.At("String").is_null();
  const JsonField source = pattern.At(literal ? "String" : "Regex");
  const absl::StatusOr<std::string> text = source.String();
  if (!text.ok()) return text.status();
  absl::StatusOr<Regex> regex = literal ? Regex::CompileLiteral(*text) : Regex::Compile(*text);
  if (!regex.ok()) return source.Error(std::string(regex.status().message()));
  return std::make_unique<Replace>(*std::move(regex), *std::move(content));
}

Made ParseSequence(const JsonField& field, int depth) {
  const JsonField list = field.At("normalizers");
  if (!list.value().is_array()) return list.Error("must be a list");
  std::vector<std::unique_ptr<Normalizer>> parts;
  for (size_t i = 0; i < list.value().size(); ++i) {
    Made part = Parse(list.At(i), depth + 1);
    if (!part.ok()) return part.status();
    parts.push_back(*std::move(part));
  }
  return std::make_unique<Sequence>(std::move(parts));
}

Made Parse(const JsonField& field, int depth) {
  if (depth > kMaxDepth) return field.Error("is nested too deeply");
  const absl::StatusOr<std::string> type = field.At("type").String();
  if (!type.ok()) return type.status();
  if (*type == "Sequence") return ParseSequence(field, depth);
  if (*type == "BertNormalizer") return ParseBert(field);
  if (*type == "NFC") return MakeUnicodeNormalizer(NormalForm::kNfc);
  if (*type == "NFD") return MakeUnicodeNormalizer(NormalForm::kNfd);
  if (*type == "NFKC") return MakeUnicodeNormalizer(NormalForm::kNfkc);
  if (*type == "NFKD") return MakeUnicodeNormalizer(NormalForm::kNfkd);
  if (*type == "Lowercase") return std::make_unique<LowercaseNormalizer>();
  if (*type == "StripAccents") return std::make_unique<CharacterMap>(&DropCombiningMark);
  if (*type == "Nmt") return std::make_unique<CharacterMap>(&MapNmt);
  if (*type == "ByteLevel") return std::make_unique<ByteLevelNormalizer>();
  if (*type == "Strip") return ParseStrip(field);
  if (*type == "Prepend") return ParsePrepend(field);
  if (*type == "Replace") return ParseReplace(field);
  if (*type == "Precompiled") return ParsePrecompiledNormalizer(field);
  return field.At("type").Error(absl::StrCat(
      "'", *type, "' is not supported; supported are BertNormalizer, NFC, NFD, NFKC, NFKD, ",
      "Lowercase, StripAccents, Strip, Replace, Prepend, Precompiled, Nmt, ByteLevel, Sequence"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Normalizer>> ParseNormalizer(const JsonField& field) {
  return Parse(field, 0);
}

}  // namespace strata::models
