// Tokens found in the text before any other step, such as [MASK]: the "added_tokens" of a
// tokenizer.json.
#ifndef STRATA_MODELS_TOKENIZER_ADDED_VOCABULARY_H_
#define STRATA_MODELS_TOKENIZER_ADDED_VOCABULARY_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "models/tokenizer/byte_trie.h"
#include "models/tokenizer/json_field.h"
#include "models/tokenizer/normalizer.h"
#include "models/tokenizer/vocabulary.h"

namespace strata::models {

struct AddedToken {
  std::string content;
  bool single_word = false;  // only where no word character stands beside it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool normalized = false;   // looked for in the normalized text
  bool special = false;      // no text of its own: Decode leaves it out
};

absl::StatusOr<std::vector<AddedToken>> ParseAddedTokens(const JsonField& field);

class AddedVocabulary {
 public:
  // Gives each token its id: the model's own if it has such a token, else the next free one after
  // the model's (whatever the file says, as in the package). `normalizer` may be null.
  static absl::StatusOr<AddedVocabulary> Make(const std::vector<AddedToken>& tokens,
                                              const Vocabulary& vocabulary,
                                              const Normalizer* normalizer);

  struct Part {
    size_t begin, end;
    int32_t token_id;  // -1: text between added tokens
  };
  // Cuts `text` into added tokens and what stands between them. `normalized` picks the tokens that
  // are looked for before or after normalization.
  void FindParts(std::string_view text, bool normalized, std::vector<Part>& parts) const;
  bool HasNormalized() const { return !normalized_.empty; }

  std::optional<int32_t> Find(std::string_view content) const;
  // As it is looked for (normalized if it is), which is how the package shows it; empty when there
  // is none.
  std::string Token(int32_t id) const;
  bool IsSpecial(int32_t id) const { return special_.contains(id); }
  int32_t max_id() const { return max_id_; }

 private:
  struct Finder {
    bool empty = true;
    ByteTrie trie;                   // to an index of tokens_
    std::array<bool, 256> starts{};  // bytes that some token starts with
  };

  static Finder MakeFinder(const std::vector<std::string>& contents);

  std::vector<AddedToken> tokens_;
  std::vector<int32_t> ids_;  // of tokens_
  absl::flat_hash_set<int32_t> special_;
  absl::flat_hash_map<std::string, int32_t> id_of_;
  absl::flat_hash_map<int32_t, std::string> text_of_;
  Finder raw_, normalized_;
  int32_t max_id_ = -1;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_ADDED_VOCABULARY_H_
