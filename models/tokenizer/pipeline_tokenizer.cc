#include "models/tokenizer/pipeline_tokenizer.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/tokenizer/unicode_class.h"
#include "models/tokenizer/word_cache.h"

namespace strata::models {
namespace {

constexpr size_t kMaxTextBytes = 0x7FFFFFFF;
constexpr size_t kKeptScratchBytes = 4 << 20;  // a thread gives back what longer texts needed

// Work space of one thread; it keeps its capacity from text to text.
struct Scratch {
  SplitText text;
  AlignedText segment;
  std::vector<AddedVocabulary::Part> parts, segment_parts;
  std::vector<ModelToken> tokens;
  WordCache cache;
};

Scratch& ThreadScratch() {
  static thread_local Scratch scratch;
  return scratch;
}

// White space at the two ends of a token as the vocabulary spells it, in characters.
struct Margins {
  uint32_t leading = 0, trailing = 0;
};

Margins MarginsOf(std::string_view token) {
  const CharClasses classes;
  std::vector<bool> is_space;
  for (size_t i = 0; i < token.size();) {
    int length;
    const char32_t c = DecodeUtf8(token.data() + i, length);
    is_space.push_back(c == 0x120 || classes.Has(c, kWhiteSpace));  // U+0120: the byte 0x20
    i += static_cast<size_t>(length);
  }
  Margins margins;
  while (margins.leading < is_space.size() && is_space[margins.leading]) ++margins.leading;
  while (margins.trailing < is_space.size() && is_space[is_space.size() - 1 - margins.trailing]) {
    ++margins.trailing;
  }
  return margins;
}

class PipelineTokenizer : public Tokenizer {
 public:
  PipelineTokenizer(TokenizerParts parts, AddedVocabulary added)
      : parts_(std::move(parts)), added_(std::move(added)), number_(NextNumber()) {
    if (parts_.trims.empty()) return;
    for (const auto& [token, id] : parts_.model->vocabulary().ids()) {
      const Margins margins = MarginsOf(token);
      if (margins.leading > 0 || margins.trailing > 0) margins_[id] = margins;
    }
  }

  absl::Status Encode(std::string_view text, Encoding& encoding) const override {
    encoding.ids.clear();
    encoding.offsets.clear();
    if (text.size() > kMaxTextBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("text of ", text.size(), " bytes is longer than ", kMaxTextBytes));
    }
    if (const size_t bad = FirstInvalidUtf8(text); bad != text.size()) {
      return absl::InvalidArgumentError(absl::StrCat("text is not UTF-8 at byte ", bad));
    }
    Scratch& scratch = ThreadScratch();
    absl::Status status = Normalize(text, scratch);
    if (status.ok() && parts_.pre_tokenizer != nullptr) {
      status = parts_.pre_tokenizer->Apply(scratch.text);
    }
    if (status.ok()) status = ApplyModel(text, scratch, encoding);
    if (scratch.text.text.text.capacity() > kKeptScratchBytes) {
      scratch.text = SplitText();
      scratch.segment = AlignedText();
    }
    return status;
  }

  std::string Decode(const std::vector<int32_t>& ids) const override {
    std::vector<std::string> tokens;
    for (int32_t id : ids) {
      if (added_.IsSpecial(id)) continue;
      if (std::string token = IdToToken(id); !token.empty()) tokens.push_back(std::move(token));
    }
    if (parts_.decoder == nullptr) return absl::StrJoin(tokens, " ");
    parts_.decoder->Apply(tokens);
    return absl::StrJoin(tokens, "");
  }

  int32_t vocab_size() const override {
    return std::max(parts_.model->vocabulary().max_id(), added_.max_id()) + 1;
  }
  std::optional<int32_t> TokenToId(std::string_view token) const override {
    const std::optional<int32_t> id = added_.Find(token);
    return id.has_value() ? id : parts_.model->vocabulary().Find(token);
  }
  std::string IdToToken(int32_t id) const override {
    std::string token = added_.Token(id);
    return token.empty() ? parts_.model->vocabulary().Token(id) : token;
  }
  std::string_view kind() const override { return parts_.model->kind(); }

 private:
  static uint64_t NextNumber() {
    static std::atomic<uint64_t> next{1};
    return next.fetch_add(1);
  }

  // Added tokens and normalized text end to end in scratch.text, a split each.
  absl::Status Normalize(std::string_view text, Scratch& scratch) const {
    SplitText& out = scratch.text;
    out.text.Clear();
    out.splits.clear();
    scratch.parts.clear();
    added_.FindParts(text, /*normalized=*/false, scratch.parts);
    for (const AddedVocabulary::Part& part : scratch.parts) {
      const size_t base = out.text.size();
      if (part.token_id >= 0) {
        out.text.AppendSource(text, part.begin, part.end);
        AddSplit(base, out.text.size(), part.token_id, out);
        continue;
      }
      const bool alone = scratch.parts.size() == 1;
      AlignedText& segment = alone ? out.text : scratch.segment;
      segment.Clear();
      segment.AppendSource(text, part.begin, part.end);
      if (parts_.normalizer != nullptr) {
        absl::Status status = parts_.normalizer->Apply(segment, out.scratch_text);
        if (!status.ok()) return status;
      }
      scratch.segment_parts.clear();
      added_.FindParts(segment.text, /*normalized=*/true, scratch.segment_parts);
      if (!alone) out.text.Append(segment, 0, segment.size());
      for (const AddedVocabulary::Part& inner : scratch.segment_parts) {
        AddSplit(base + inner.begin, base + inner.end, inner.token_id, out);
      }
    }
    return absl::OkStatus();
  }

  static void AddSplit(size_t begin, size_t end, int32_t token_id, SplitText& out) {
    if (begin < end) out.splits.push_back({begin, end, token_id});
  }

  absl::Status ApplyModel(std::string_view source, Scratch& scratch, Encoding& encoding) const {
    const AlignedText& text = scratch.text.text;
    encoding.ids.reserve(scratch.text.splits.size() + scratch.text.splits.size() / 4);
    encoding.offsets.reserve(encoding.ids.capacity());
    for (const Split& split : scratch.text.splits) {
      if (split.token_id >= 0) {
        const SourceSpan span = text.Source(split.begin, split.end);
        encoding.ids.push_back(split.token_id);
        encoding.offsets.push_back({span.begin, span.end});
        if (!parts_.trims.empty()) {
          Trim(source,
               MarginsOf(std::string_view(text.text).substr(split.begin, split.end - split.begin)),
               encoding);
        }
        continue;
      }
      const auto word = std::string_view(text.text).substr(split.begin, split.end - split.begin);
      scratch.tokens.clear();
      if (!scratch.cache.Find(number_, word, scratch.tokens)) {
        absl::Status status = parts_.model->Tokenize(word, scratch.tokens);
        if (!status.ok()) return status;
        scratch.cache.Keep(number_, word, scratch.tokens, 0);
      }
      for (const ModelToken& token : scratch.tokens) {
        encoding.ids.push_back(token.id);
        encoding.offsets.push_back(Offsets(source, text, split, token));
        if (!parts_.trims.empty()) {
          const auto found = margins_.find(token.id);
          if (found != margins_.end()) Trim(source, found->second, encoding);
        }
      }
    }
    if (scratch.tokens.capacity() > kKeptScratchBytes / sizeof(ModelToken)) {
      std::vector<ModelToken>().swap(scratch.tokens);
    }
    return absl::OkStatus();
  }

  static ByteSpan Offsets(std::string_view source, const AlignedText& text, const Split& split,
                          const ModelToken& token) {
    if (token.end <= split.end - split.begin) {
      const SourceSpan span = text.Source(split.begin + token.begin, split.begin + token.end);
      return {span.begin, span.end};
    }
    // Byte pieces of a prefix that is not in the text: the package gives the word's own offsets.
    const auto size = static_cast<int64_t>(source.size());
    return {std::min<int64_t>(token.begin, size), std::min<int64_t>(token.end, size)};
  }

  // Trims the offsets of the last token in `encoding`.
  void Trim(std::string_view source, const Margins& margins, Encoding& encoding) const {
    ByteSpan& span = encoding.offsets.back();
    for (const OffsetTrim& trim : parts_.trims) {
      const bool is_first = encoding.offsets.size() == 1 || span.begin == 0;
      uint32_t leading = margins.leading;
      if (is_first && trim.add_prefix_space && leading == 1) leading = 0;
      for (; leading > 0 && span.begin < span.end; --leading) {
        span.begin += Utf8Length(source[static_cast<size_t>(span.begin)]);
      }
      for (uint32_t trailing = margins.trailing; trailing > 0 && span.end > span.begin;
           --trailing) {
        do {
          --span.end;
        } while ((source[static_cast<size_t>(span.end)] & 0xC0) == 0x80);
      }
    }
  }

  const TokenizerParts parts_;
  const AddedVocabulary added_;
  const uint64_t number_;  // this tokenizer's words in the cache of each thread
  absl::flat_hash_map<int32_t, Margins> margins_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> MakePipelineTokenizer(TokenizerParts parts) {
  absl::StatusOr<AddedVocabulary> added =
      AddedVocabulary::Make(parts.added_tokens, parts.model->vocabulary(), parts.normalizer.get());
  if (!added.ok()) return added.status();
  return std::make_unique<PipelineTokenizer>(std::move(parts), *std::move(added));
}

}  // namespace strata::models
