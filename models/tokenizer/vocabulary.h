// Tokens and their ids, both ways.
#ifndef STRATA_MODELS_TOKENIZER_VOCABULARY_H_
#define STRATA_MODELS_TOKENIZER_VOCABULARY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/tokenizer/json_field.h"

namespace strata::models {

class Vocabulary {
 public:
  static constexpr int32_t kMaxId = (1 << 24) - 1;  // callers make tables of this many rows
  static constexpr size_t kMaxTokenBytes = 1 << 16;

  // A JSON object token → id. INVALID_ARGUMENT: wrong types, an id out of range or given twice.
  static absl::StatusOr<Vocabulary> Parse(const JsonField& field);

  // `token` takes the place of an equal one. INVALID_ARGUMENT: length, id, id already taken.
  absl::Status Add(std::string_view token, int64_t id);

  std::optional<int32_t> Find(std::string_view token) const {
    const auto found = ids_.find(absl::string_view(token.data(), token.size()));
    return found == ids_.end() ? std::nullopt : std::optional<int32_t>(found->second);
  }
  // Empty when there is none.
  std::string Token(int32_t id) const {
    const auto found = tokens_.find(id);
    return found == tokens_.end() ? std::string() : found->second;
  }
  size_t size() const { return ids_.size(); }
  int32_t max_id() const { return max_id_; }  // -1 when empty

  // Every token once, in no order.
  const absl::flat_hash_map<std::string, int32_t>& ids() const { return ids_; }

 private:
  absl::flat_hash_map<std::string, int32_t> ids_;
  absl::flat_hash_map<int32_t, std::string> tokens_;
  int32_t max_id_ = -1;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_VOCABULARY_H_
