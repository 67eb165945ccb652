#include "models/tokenizer/word_piece.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "models/tokenizer/byte_trie.h"

namespace strata::models {
namespace {

ByteTrie TrieOf(const Vocabulary& vocabulary) {
  std::vector<std::pair<std::string_view, int32_t>> entries;
  entries.reserve(vocabulary.size());
  for (const auto& [token, id] : vocabulary.ids()) entries.emplace_back(token, id);
  return ByteTrie(std::move(entries));
}

class WordPiece : public Model {
 public:
  WordPiece(Vocabulary vocabulary, int32_t unk_id, const WordPieceOptions& options)
      : vocabulary_(std::move(vocabulary)),
        trie_(TrieOf(vocabulary_)),
        unk_id_(unk_id),
        max_characters_(static_cast<size_t>(options.max_input_chars_per_word)) {
    for (const char c : options.continuing_subword_prefix) {
      has_continuations_ = has_continuations_ && trie_.Step(continuation_, c);
    }
  }

  absl::Status Tokenize(std::string_view word, std::vector<ModelToken>& tokens) const override {
    const size_t first = tokens.size();
    const auto end = static_cast<uint32_t>(word.size());
    if (IsTooLong(word)) {
      tokens.push_back({unk_id_, 0, end});
      return absl::OkStatus();
    }
    for (uint32_t begin = 0; begin < end;) {
      ModelToken longest = {ByteTrie::kNoValue, begin, begin};
      uint32_t node = begin == 0 ? ByteTrie::kRoot : continuation_;
      if (begin == 0 || has_continuations_) {
        for (uint32_t i = begin; i < end && trie_.Step(node, word[i]); ++i) {
          if (const int32_t id = trie_.Value(node); id >= 0) longest = {id, begin, i + 1};
        }
      }
      if (longest.id < 0) {
        tokens.resize(first);
        tokens.push_back({unk_id_, 0, end});
        return absl::OkStatus();
      }
      tokens.push_back(longest);
      begin = longest.end;
    }
    return absl::OkStatus();
  }

  std::string_view kind() const override { return "wordpiece"; }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  bool IsTooLong(std::string_view word) const {
    if (word.size() <= max_characters_) return false;
    size_t characters = 0;
    for (const char c : word) characters += (c & 0xC0) != 0x80;
    return characters > max_characters_;
  }

  const Vocabulary vocabulary_;
  const ByteTrie trie_;
  const int32_t unk_id_;
  const size_t max_characters_;
  uint32_t continuation_ = ByteTrie::kRoot;  // where the tokens that go on in a word begin
  bool has_continuations_ = true;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Model>> MakeWordPiece(Vocabulary vocabulary,
                                                     const WordPieceOptions& options) {
  const std::optional<int32_t> unk_id = vocabulary.Find(options.unk_token);
  if (!unk_id.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the vocabulary lacks the unknown token \"", options.unk_token, "\""));
  }
  return std::make_unique<WordPiece>(std::move(vocabulary), *unk_id, options);
}

absl::StatusOr<std::unique_ptr<Model>> ParseWordPiece(const JsonField& field) {
  WordPieceOptions options;
  absl::StatusOr<std::string> unk_token = field.At("unk_token").String();
  if (!unk_token.ok()) return unk_token.status();
  options.unk_token = *std::move(unk_token);
  absl::StatusOr<std::string> prefix = field.At("continuing_subword_prefix").String();
  if (!prefix.ok()) return prefix.status();
  options.continuing_subword_prefix = *std::move(prefix);
  const absl::StatusOr<int64_t> longest =
      field.At("max_input_chars_per_word").Integer(0, int64_t{1} << 40);
  if (!longest.ok()) return longest.status();
  options.max_input_chars_per_word = *longest;
  absl::StatusOr<Vocabulary> vocabulary = Vocabulary::Parse(field.At("vocab"));
  if (!vocabulary.ok()) return vocabulary.status();
  auto model = MakeWordPiece(*std::move(vocabulary), options);
  if (!model.ok()) return field.At("unk_token").Error(std::string(model.status().message()));
  return model;
}

}  // namespace strata::models
