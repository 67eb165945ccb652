#include "models/tokenizer/pre_tokenizer.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/tokenizer/byte_level_pre_tokenizer.h"
#include "models/tokenizer/metaspace_pre_tokenizer.h"
#include "models/tokenizer/regex.h"
#include "models/tokenizer/split_behavior.h"
#include "models/tokenizer/unicode_class.h"

namespace strata::models {
namespace {

constexpr int kMaxDepth = 16;  // of Sequences in Sequences

using Made = absl::StatusOr<std::unique_ptr<PreTokenizer>>;

// Cuts each split with `cut(text, split, splits)`; the text stays as it is.
template <typename Cut>
void CutEach(SplitText& text, Cut cut) {
  text.scratch_splits.clear();
  for (const Split& split : text.splits) {
    if (split.token_id >= 0) {
      text.scratch_splits.push_back(split);
    } else {
      cut(text.text.text, split, text.scratch_splits);
    }
  }
  std::swap(text.splits, text.scratch_splits);
}

// Words end at white space, which goes, and around punctuation, which is a word by the character.
class BertPreTokenizer : public PreTokenizer {
 public:
  absl::Status Apply(SplitText& text) const override {
    const CharClasses classes;
    CutEach(text, [&](const std::string& bytes, const Split& split, std::vector<Split>& out) {
      size_t word = split.begin;
      for (size_t i = split.begin; i < split.end;) {
        int length;
        const uint16_t of = classes.Of(DecodeUtf8(bytes.data() + i, length));
        const size_t next = i + static_cast<size_t>(length);
        if ((of & (kWhiteSpace | kPunctuation)) != 0) {
          if (word < i) out.push_back({word, i});
          if ((of & kWhiteSpace) == 0) out.push_back({i, next});
          word = next;
        }
        i = next;
      }
      if (word < split.end) out.push_back({word, split.end});
    });
    return absl::OkStatus();
  }
};

// \w+|[^\w\s]+
class Whitespace : public PreTokenizer {
 public:
  absl::Status Apply(SplitText& text) const override {
    const CharClasses classes;
    CutEach(text, [&](const std::string& bytes, const Split& split, std::vector<Split>& out) {
      enum Kind { kSpace, kWord, kOther };
      Kind previous = kSpace;
      for (size_t i = split.begin; i < split.end;) {
        int length;
        const uint16_t of = classes.Of(DecodeUtf8(bytes.data() + i, length));
        const Kind kind = (of & kWordCharacter) != 0 ? kWord
                          : (of & kWhiteSpace) != 0  ? kSpace
                                                     : kOther;
        const size_t next = i + static_cast<size_t>(length);
        if (kind != kSpace) {
          if (kind == previous) {
            out.back().end = next;
          } else {
            out.push_back({i, next});
          }
        }
        previous = kind;
        i = next;
      }
    });
    return absl::OkStatus();
  }
};

// Splits at the characters of some classes.
class CharacterSplit : public PreTokenizer {
 public:
  CharacterSplit(uint16_t delimiters, SplitBehavior behavior)
      : delimiters_(delimiters), behavior_(behavior) {}
  absl::Status Apply(SplitText& text) const override {
    const CharClasses classes;
    std::vector<Piece> pieces;
    CutEach(text, [&](const std::string& bytes, const Split& split, std::vector<Split>& out) {
      pieces.clear();
      for (size_t i = split.begin; i < split.end;) {
        int length;
        const bool is_delimiter = classes.Has(DecodeUtf8(bytes.data() + i, length), delimiters_);
        const size_t next = i + static_cast<size_t>(length);
        if (!is_delimiter && !pieces.empty() && !pieces.back().is_delimiter) {
          pieces.back().end = next;
        } else {
          pieces.push_back({i, next, is_delimiter});
        }
        i = next;
      }
      AppendSplits(pieces, behavior_, out);
    });
    return absl::OkStatus();
  }

 private:
  const uint16_t delimiters_;
  const SplitBehavior behavior_;
};

class PatternSplit : public PreTokenizer {
 public:
  PatternSplit(Regex pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  absl::Status Apply(SplitText& text) const override {
    absl::Status status;
    std::vector<Match> matches;
    std::vector<Piece> pieces;
    CutEach(text, [&](const std::string& bytes, const Split& split, std::vector<Split>& out) {
      if (!status.ok()) return;
      const auto view = std::string_view(bytes).substr(split.begin, split.end - split.begin);
      status = pattern_.FindAll(view, matches);
      pieces.clear();
      size_t previous = split.begin;
      for (const Match& match : matches) {
        const size_t begin = split.begin + match.begin, end = split.begin + match.end;
        if (previous != begin) pieces.push_back({previous, begin, invert_});
        pieces.push_back({begin, end, !invert_});
        previous = end;
      }
      if (previous != split.end) pieces.push_back({previous, split.end, invert_});
      AppendSplits(pieces, behavior_, out);
    });
    return status;
  }

 private:
  const Regex pattern_;
  const SplitBehavior behavior_;
  const bool invert_;
};

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> parts) : parts_(std::move(parts)) {}
  absl::Status Apply(SplitText& text) const override {
    for (const auto& part : parts_) {
      if (absl::Status status = part->Apply(text); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  bool UseRawBytes() override { return !parts_.empty() && parts_.back()->UseRawBytes(); }

 private:
  const std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

Made Parse(const JsonField& field, int depth);

Made ParsePunctuation(const JsonField& field) {
  const JsonField name = field.At("behavior");
  if (name.is_null()) {
    return std::make_unique<CharacterSplit>(kPunctuation, SplitBehavior::kIsolated);
  }
  const absl::StatusOr<SplitBehavior> behavior = ParseSplitBehavior(name);
  if (!behavior.ok()) return behavior.status();
  return std::make_unique<CharacterSplit>(kPunctuation, *behavior);
}

Made ParseDigits(const JsonField& field) {
  const absl::StatusOr<bool> individual = field.At("individual_digits").Bool();
  if (!individual.ok()) return individual.status();
  return std::make_unique<CharacterSplit>(
      kNumeric, *individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
}

Made ParseSplit(const JsonField& field) {
  const JsonField pattern = field.At("pattern");
  const bool literal = !pattern.At("String").is_null();
  const JsonField source = pattern.At(literal ? "String" : "Regex");
  const absl::StatusOr<std::string> text = source.String();
  if (!text.ok()) return text.status();
  absl::StatusOr<Regex> regex = literal ? Regex::CompileLiteral(*text) : Regex::Compile(*text);
  if (!regex.ok()) return source.Error(std::string(regex.status().message()));
  const absl::StatusOr<SplitBehavior> behavior = ParseSplitBehavior(field.At("behavior"));
  if (!behavior.ok()) return behavior.status();
  const absl::StatusOr<bool> invert = field.At("invert").Bool();
  if (!invert.ok()) return invert.status();
  return std::make_unique<PatternSplit>(*std::move(regex), *behavior, *invert);
}

Made ParseSequence(const JsonField& field, int depth) {
  const JsonField list = field.At("pretokenizers");
  if (!list.value().is_array()) return list.Error("must be a list");
  std::vector<std::unique_ptr<PreTokenizer>> parts;
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
  if (*type == "BertPreTokenizer") return MakeBertPreTokenizer();
  if (*type == "ByteLevel") return ParseByteLevelPreTokenizer(field);
  if (*type == "Metaspace") return ParseMetaspacePreTokenizer(field);
  if (*type == "Whitespace") return std::make_unique<Whitespace>();
  if (*type == "WhitespaceSplit") {
    return std::make_unique<CharacterSplit>(kWhiteSpace, SplitBehavior::kRemoved);
  }
  if (*type == "Punctuation") return ParsePunctuation(field);
  if (*type == "Digits") return ParseDigits(field);
  if (*type == "Split") return ParseSplit(field);
  return field.At("type").Error(absl::StrCat(
      "'", *type, "' is not supported; supported are BertPreTokenizer, ByteLevel, Metaspace, ",
      "Whitespace, WhitespaceSplit, Punctuation, Digits, Split, Sequence"));
}

}  // namespace

std::unique_ptr<PreTokenizer> MakeBertPreTokenizer() {
  return std::make_unique<BertPreTokenizer>();
}

absl::StatusOr<std::unique_ptr<PreTokenizer>> ParsePreTokenizer(const JsonField& field) {
  return Parse(field, 0);
}

}  // namespace strata::models
