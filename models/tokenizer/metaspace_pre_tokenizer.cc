#include "models/tokenizer/metaspace_pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

namespace strata::models {
namespace {

enum class PrependScheme { kAlways, kFirst, kNever };

class MetaspacePreTokenizer : public PreTokenizer {
 public:
  MetaspacePreTokenizer(std::string replacement, PrependScheme scheme, bool split)
      : replacement_(std::move(replacement)), scheme_(scheme), split_(split) {}

  absl::Status Apply(SplitText& text) const override {
    const AlignedText& in = text.text;
    AlignedText& out = text.scratch_text;
    out.Clear();
    out.text.reserve(in.size() + in.size() / 2);
    out.spans.reserve(in.size() + in.size() / 2);
    text.scratch_splits.clear();
    for (const Split& split : text.splits) {
      const size_t begin = out.size();
      if (split.token_id >= 0) {
        out.Append(in, split.begin, split.end);
        text.scratch_splits.push_back({begin, out.size(), split.token_id});
        continue;
      }
      if (Prepends(in, split)) PutReplacement(in.spans[split.begin], out);
      const std::string_view words = std::string_view(in.text).substr(0, split.end);
      for (size_t i = split.begin; i < split.end;) {
        const size_t space = std::min(words.find(' ', i), split.end);
        out.Append(in, i, space);
        if (space < split.end) PutReplacement(in.spans[space], out);
        i = space + 1;
      }
      if (split_) {
        CutWords(out.text, begin, text.scratch_splits);
      } else {
        text.scratch_splits.push_back({begin, out.size()});
      }
    }
    std::swap(text.text, text.scratch_text);
    std::swap(text.splits, text.scratch_splits);
    return absl::OkStatus();
  }

 private:
  bool Prepends(const AlignedText& in, const Split& split) const {
    if (scheme_ == PrependScheme::kNever) return false;
    if (scheme_ == PrependScheme::kFirst && in.spans[split.begin].begin != 0) return false;
    return in.text[split.begin] != ' ' &&
           in.text.compare(split.begin, replacement_.size(), replacement_) != 0;
  }

  void PutReplacement(SourceSpan span, AlignedText& out) const {
    out.text += replacement_;
    out.spans.insert(out.spans.end(), replacement_.size(), span);
  }

  // Every replacement character starts a word.
  void CutWords(const std::string& text, size_t begin, std::vector<Split>& splits) const {
    size_t word = begin;
    while (word < text.size()) {
      const size_t next = std::min(text.find(replacement_, word + 1), text.size());
      splits.push_back({word, next});
      word = next;
    }
  }

  const std::string replacement_;  // one character
  const PrependScheme scheme_;
  const bool split_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PreTokenizer>> ParseMetaspacePreTokenizer(const JsonField& field) {
  const JsonField replacement_field = field.At("replacement");
  absl::StatusOr<std::string> replacement = replacement_field.String();
  if (!replacement.ok()) return replacement.status();
  if (replacement->empty() ||
      replacement->size() != static_cast<size_t>(Utf8Length((*replacement)[0]))) {
    return replacement_field.Error("must be one character");
  }
  PrependScheme scheme = PrependScheme::kAlways;
  if (const JsonField name = field.At("prepend_scheme"); !name.is_null()) {
    const absl::StatusOr<std::string> value = name.String();
    if (!value.ok()) return value.status();
    if (*value == "first") {
      scheme = PrependScheme::kFirst;
    } else if (*value == "never") {
      scheme = PrependScheme::kNever;
    } else if (*value != "always") {
      return name.Error("must be always, first or never");
    }
  }
  const absl::StatusOr<bool> add_prefix_space = field.At("add_prefix_space").Bool(true);
  if (!add_prefix_space.ok()) return add_prefix_space.status();
  if (!*add_prefix_space) scheme = PrependScheme::kNever;
  const absl::StatusOr<bool> split = field.At("split").Bool(true);
  if (!split.ok()) return split.status();
  return std::make_unique<MetaspacePreTokenizer>(*std::move(replacement), scheme, *split);
}

}  // namespace strata::models
