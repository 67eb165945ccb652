#include "models/tokenizer/added_vocabulary.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/tokenizer/unicode_class.h"

namespace strata::models {
namespace {

char32_t CharacterBefore(std::string_view text, size_t end, size_t& begin) {
  begin = end - 1;
  while ((text[begin] & 0xC0) == 0x80) --begin;
  int length;
  return DecodeUtf8(text.data() + begin, length);
}

bool IsSingleWord(const CharClasses& classes, std::string_view text, size_t begin, size_t end) {
  size_t before;
  if (begin > 0 && classes.Has(CharacterBefore(text, begin, before), kWordCharacter)) return false;
  int length;
  return end == text.size() || !classes.Has(DecodeUtf8(text.data() + end, length), kWordCharacter);
}

}  // namespace

absl::StatusOr<std::vector<AddedToken>> ParseAddedTokens(const JsonField& field) {
  std::vector<AddedToken> tokens;
  if (field.is_null()) return tokens;
  if (!field.value().is_array()) return field.Error("must be a list");
  for (size_t i = 0; i < field.value().size(); ++i) {
    const JsonField entry = field.At(i);
    AddedToken token;
    absl::StatusOr<std::string> content = entry.At("content").String();
    if (!content.ok()) return content.status();
    token.content = *std::move(content);
    const absl::StatusOr<int64_t> id = entry.At("id").Integer(0, Vocabulary::kMaxId);
    if (!id.ok()) return id.status();
    for (const auto& [name, out] :
         {std::pair("single_word", &token.single_word), std::pair("lstrip", &token.lstrip),
          std::pair("rstrip", &token.rstrip), std::pair("normalized", &token.normalized)}) {
      const absl::StatusOr<bool> value = entry.At(name).Bool();
      if (!value.ok()) return value.status();
      *out = *value;
    }
    const absl::StatusOr<bool> special = entry.At("special").Bool(false);
    if (!special.ok()) return special.status();
    token.special = *special;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

absl::StatusOr<AddedVocabulary> AddedVocabulary::Make(const std::vector<AddedToken>& tokens,
                                                      const Vocabulary& vocabulary,
                                                      const Normalizer* normalizer) {
  AddedVocabulary added;
  absl::flat_hash_map<int32_t, size_t> index_of;
  auto next_id = static_cast<int64_t>(vocabulary.size());
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    std::optional<int32_t> id = added.Find(token.content);
    if (!id.has_value()) id = vocabulary.Find(token.content);
    if (!id.has_value()) {
      if (next_id > Vocabulary::kMaxId || token.content.size() > Vocabulary::kMaxTokenBytes) {
        return absl::InvalidArgumentError(absl::StrCat(
            "added_tokens: \"", token.content.substr(0, 40), "\" is too long or one too many"));
      }
      id = static_cast<int32_t>(next_id++);
    }
    added.id_of_[token.content] = *id;
    added.max_id_ = std::max(added.max_id_, *id);
    const auto [place, fresh] = index_of.try_emplace(*id, added.tokens_.size());
    if (fresh) {
      added.tokens_.push_back(token);
      added.ids_.push_back(*id);
    } else {
      added.tokens_[place->second] = token;  // the later mention's options count
    }
  }
  std::vector<std::string> raw(added.tokens_.size()), normalized(added.tokens_.size());
  for (size_t i = 0; i < added.tokens_.size(); ++i) {
    const AddedToken& token = added.tokens_[i];
    if (token.special) added.special_.insert(added.ids_[i]);
    if (!token.normalized) {
      raw[i] = token.content;
      added.text_of_[added.ids_[i]] = token.content;
      continue;
    }
    AlignedText text, scratch;
    text.AppendSource(token.content, 0, token.content.size());
    if (normalizer != nullptr) {
      if (absl::Status status = normalizer->Apply(text, scratch); !status.ok()) return status;
    }
    normalized[i] = text.text;
    added.text_of_[added.ids_[i]] = text.text;
  }
  added.raw_ = MakeFinder(raw);
  added.normalized_ = MakeFinder(normalized);
  return added;
}

AddedVocabulary::Finder AddedVocabulary::MakeFinder(const std::vector<std::string>& contents) {
  Finder finder;
  std::vector<std::pair<std::string_view, int32_t>> entries;
  // Backwards: of tokens that are equal when normalized the first one counts.
  for (size_t i = contents.size(); i-- > 0;) {
    if (contents[i].empty()) continue;
    entries.emplace_back(contents[i], static_cast<int32_t>(i));
    finder.starts[static_cast<unsigned char>(contents[i][0])] = true;
    finder.empty = false;
  }
  finder.trie = ByteTrie(std::move(entries));
  return finder;
}

void AddedVocabulary::FindParts(std::string_view text, bool normalized,
                                std::vector<Part>& parts) const {
  const Finder& finder = normalized ? normalized_ : raw_;
  size_t covered = 0;  // the parts so far end here
  for (size_t i = 0; !finder.empty && i < text.size();) {
    if (!finder.starts[static_cast<unsigned char>(text[i])]) {
      ++i;
      continue;
    }
    // The longest token that starts here.
    uint32_t node = ByteTrie::kRoot;
    int32_t index = ByteTrie::kNoValue;
    size_t match_end = i;
    for (size_t k = i; k < text.size() && finder.trie.Step(node, text[k]); ++k) {
      if (finder.trie.Value(node) < 0) continue;
      index = finder.trie.Value(node);
      match_end = k + 1;
    }
    if (index < 0) {
      ++i;
      continue;
    }
    const CharClasses classes;
    const AddedToken& token = tokens_[static_cast<size_t>(index)];
    size_t begin = i, end = match_end;
    i = match_end;
    if (token.single_word && !IsSingleWord(classes, text, begin, end)) continue;
    while (token.lstrip && begin > covered) {
      size_t before;
      if (!classes.Has(CharacterBefore(text, begin, before), kWhiteSpace)) break;
      begin = before;
    }
    // White space that the token before has taken belongs to it alone.
    if ((token.lstrip || token.rstrip) && begin < covered) begin = covered;
    end = std::max(begin, end);
    while (token.rstrip && end < text.size()) {
      int length;
      if (!classes.Has(DecodeUtf8(text.data() + end, length), kWhiteSpace)) break;
      end += static_cast<size_t>(length);
    }
    if (covered < begin) parts.push_back({covered, begin, -1});
    parts.push_back({begin, end, ids_[static_cast<size_t>(index)]});
    covered = end;
  }
  if (covered != text.size()) parts.push_back({covered, text.size(), -1});
}

std::optional<int32_t> AddedVocabulary::Find(std::string_view content) const {
  const auto found = id_of_.find(absl::string_view(content.data(), content.size()));
  return found == id_of_.end() ? std::nullopt : std::optional<int32_t>(found->second);
}

std::string AddedVocabulary::Token(int32_t id) const {
  const auto found = text_of_.find(id);
  return found == text_of_.end() ? std::string() : found->second;
}

}  // namespace strata::models
