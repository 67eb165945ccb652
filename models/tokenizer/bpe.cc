#include "models/tokenizer/bpe.h"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/tokenizer/bpe_merges.h"
#include "models/tokenizer/byte_level.h"
#include "models/tokenizer/utf8.h"

namespace strata::models {
namespace {

struct BpeOptions {
  std::optional<std::string> unk_token;
  std::string continuing_subword_prefix, end_of_word_suffix;
  bool fuse_unk = false;
  bool byte_fallback = false;
  bool ignore_merges = false;
};

class BpeModel : public Bpe {
 public:
  BpeModel(Vocabulary vocabulary, BpeMerges merges, BpeOptions options)
      : vocabulary_(std::move(vocabulary)),
        merges_(std::move(merges)),
        options_(std::move(options)) {
    if (options_.unk_token.has_value()) unk_id_ = vocabulary_.Find(*options_.unk_token);
    for (const auto& [token, id] : vocabulary_.ids()) {
      if (token.empty() || token.size() != static_cast<size_t>(Utf8Length(token[0]))) continue;
      int length;
      characters_[DecodeUtf8(token.data(), length)] = id;
    }
    for (size_t byte = 0; byte < bytes_.size(); ++byte) {
      const auto found = characters_.find(ByteCharacters()[byte]);
      bytes_[byte] = found == characters_.end() ? -1 : found->second;
      fallback_[byte] =
          vocabulary_.Find(absl::StrFormat("<0x%02X>", static_cast<unsigned>(byte))).value_or(-1);
    }
  }

  bool CanReadRawBytes() const override {
    if (!options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty()) {
      return false;
    }
    for (const int32_t id : bytes_) {
      if (id < 0) return false;
    }
    return true;
  }
  void ReadRawBytes() override { raw_bytes_ = true; }

  absl::Status Tokenize(std::string_view word, std::vector<ModelToken>& tokens) const override {
    if (options_.ignore_merges) {
      if (const std::optional<int32_t> id = FindWhole(word); id.has_value()) {
        tokens.push_back({*id, 0, static_cast<uint32_t>(word.size())});
        return absl::OkStatus();
      }
    }
    static thread_local std::vector<BpeSymbol> symbols;
    symbols.clear();
    if (raw_bytes_) {
      for (const char byte : word) symbols.push_back({bytes_[static_cast<unsigned char>(byte)], 1});
    } else if (absl::Status status = ReadCharacters(word, symbols); !status.ok()) {
      return status;
    }
    merges_.Apply(symbols);
    uint32_t begin = 0;
    for (const BpeSymbol& symbol : symbols) {
      tokens.push_back({symbol.id, begin, begin + symbol.length});
      begin += symbol.length;
    }
    if (symbols.capacity() > (1 << 16)) std::vector<BpeSymbol>().swap(symbols);
    return absl::OkStatus();
  }

  std::string_view kind() const override { return "bpe"; }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  std::optional<int32_t> FindWhole(std::string_view word) const {
    if (!raw_bytes_) return vocabulary_.Find(word);
    std::string characters;
    for (const char byte : word) {
      AppendUtf8(ByteCharacters()[static_cast<unsigned char>(byte)], characters);
    }
    return vocabulary_.Find(characters);
  }

  std::optional<int32_t> FindCharacter(std::string_view character, bool is_first, bool is_last,
                                       std::string& symbol) const {
    if (options_.continuing_subword_prefix.empty() && options_.end_of_word_suffix.empty()) {
      int length;
      const auto found = characters_.find(DecodeUtf8(character.data(), length));
      symbol = std::string(character);
      return found == characters_.end() ? std::nullopt : std::optional<int32_t>(found->second);
    }
    symbol = is_first ? std::string() : options_.continuing_subword_prefix;
    symbol += character;
    if (is_last) symbol += options_.end_of_word_suffix;
    return vocabulary_.Find(symbol);
  }

  bool AppendFallback(std::string_view symbol, std::vector<BpeSymbol>& symbols) const {
    if (!options_.byte_fallback) return false;
    for (const char byte : symbol) {
      if (fallback_[static_cast<unsigned char>(byte)] < 0) return false;
    }
    for (const char byte : symbol) {
      symbols.push_back({fallback_[static_cast<unsigned char>(byte)], 1});
    }
    return true;
  }

  absl::Status ReadCharacters(std::string_view word, std::vector<BpeSymbol>& symbols) const {
    // An unknown piece is held back until the next known one, so that neighbours can join it.
    uint32_t unknown = 0;
    const auto flush = [&] {
      if (unknown > 0) symbols.push_back({*unk_id_, unknown});
      unknown = 0;
    };
    std::string symbol;
    for (size_t i = 0; i < word.size();) {
      const auto length = static_cast<size_t>(Utf8Length(word[i]));
      const size_t next = i + length;
      const std::optional<int32_t> id =
          FindCharacter(word.substr(i, length), i == 0, next == word.size(), symbol);
      i = next;
      if (id.has_value()) {
        flush();
        symbols.push_back({*id, static_cast<uint32_t>(length)});
        continue;
      }
      if (AppendFallback(symbol, symbols) || !options_.unk_token.has_value()) continue;
      if (!unk_id_.has_value()) {
        return absl::FailedPreconditionError(
            absl::StrCat("model.unk_token: \"", *options_.unk_token,
                         "\" is not in the vocabulary, and the text has an unknown character"));
      }
      if (!options_.fuse_unk) flush();
      unknown += static_cast<uint32_t>(length);
    }
    flush();
    return absl::OkStatus();
  }

  const Vocabulary vocabulary_;
  const BpeMerges merges_;
  const BpeOptions options_;
  std::optional<int32_t> unk_id_;
  absl::flat_hash_map<char32_t, int32_t> characters_;  // tokens of one character
  std::array<int32_t, 256> bytes_;                     // tokens of one byte's stand-in, -1: none
  std::array<int32_t, 256> fallback_;                  // tokens "<0x00>" …, -1: none
  bool raw_bytes_ = false;
};

absl::StatusOr<std::pair<std::string, std::string>> ParseMerge(const JsonField& field) {
  const nlohmann::json& value = field.value();
  if (value.is_array()) {
    if (value.size() != 2 || !value[0].is_string() || !value[1].is_string()) {
      return field.Error("must be a pair of tokens");
    }
    return std::pair(value[0].get<std::string>(), value[1].get<std::string>());
  }
  const absl::StatusOr<std::string> text = field.String();
  if (!text.ok()) return text.status();
  const size_t space = text->find(' ');
  if (space == std::string::npos || text->find(' ', space + 1) != std::string::npos) {
    return field.Error("must be two tokens with one space between them");
  }
  return std::pair(text->substr(0, space), text->substr(space + 1));
}

absl::StatusOr<BpeMerges> ParseMerges(const JsonField& field, const Vocabulary& vocabulary,
                                      const std::string& prefix) {
  if (!field.value().is_array()) return field.Error("must be a list");
  BpeMerges merges;
  uint32_t rank = 0;
  for (size_t i = 0; i < field.value().size(); ++i) {
    const JsonField entry = field.At(i);
    if (entry.value().is_string() &&
        entry.value().get_ref<const std::string&>().rfind("#version", 0) == 0) {
      continue;
    }
    const auto pair = ParseMerge(entry);
    if (!pair.ok()) return pair.status();
    const auto& [left, right] = *pair;
    if (right.size() < prefix.size()) return entry.Error("is shorter than the model's prefix");
    const std::string merged = left + right.substr(prefix.size());
    int32_t ids[3];
    size_t k = 0;
    for (const std::string* token : {&left, &right, &merged}) {
      const std::optional<int32_t> id = vocabulary.Find(*token);
      if (!id.has_value())
        return entry.Error(absl::StrCat("\"", *token, "\" is not in the vocabulary"));
      ids[k++] = *id;
    }
    merges.Set(ids[0], ids[1], rank++, ids[2]);
  }
  return merges;
}

absl::StatusOr<BpeOptions> ParseOptions(const JsonField& field) {
  BpeOptions options;
  if (const JsonField dropout = field.At("dropout"); !dropout.is_null()) {
    if (!dropout.value().is_number() || dropout.value().get<double>() != 0) {
      return dropout.Error("must be null or 0: random merges are not supported");
    }
  }
  if (const JsonField unk = field.At("unk_token"); !unk.is_null()) {
    absl::StatusOr<std::string> token = unk.String();
    if (!token.ok()) return token.status();
    options.unk_token = *std::move(token);
  }
  for (const auto& [name, out] :
       {std::pair("continuing_subword_prefix", &options.continuing_subword_prefix),
        std::pair("end_of_word_suffix", &options.end_of_word_suffix)}) {
    const JsonField text = field.At(name);
    if (text.is_null()) continue;
    absl::StatusOr<std::string> value = text.String();
    if (!value.ok()) return value.status();
    *out = *std::move(value);
  }
  for (const auto& [name, out] : {std::pair("fuse_unk", &options.fuse_unk),
                                  std::pair("byte_fallback", &options.byte_fallback),
                                  std::pair("ignore_merges", &options.ignore_merges)}) {
    const absl::StatusOr<bool> value = field.At(name).Bool(false);
    if (!value.ok()) return value.status();
    *out = *value;
  }
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Bpe>> ParseBpe(const JsonField& field) {
  absl::StatusOr<BpeOptions> options = ParseOptions(field);
  if (!options.ok()) return options.status();
  absl::StatusOr<Vocabulary> vocabulary = Vocabulary::Parse(field.At("vocab"));
  if (!vocabulary.ok()) return vocabulary.status();
  absl::StatusOr<BpeMerges> merges =
      ParseMerges(field.At("merges"), *vocabulary, options->continuing_subword_prefix);
  if (!merges.ok()) return merges.status();
  return std::make_unique<BpeModel>(*std::move(vocabulary), *std::move(merges),
                                    *std::move(options));
}

}  // namespace strata::models
