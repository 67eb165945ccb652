#include "models/tokenizer/vocabulary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::models {

absl::StatusOr<Vocabulary> Vocabulary::Parse(const JsonField& field) {
  if (!field.value().is_object()) return field.Error("must be an object of token: id");
  Vocabulary vocabulary;
  vocabulary.ids_.reserve(field.value().size());
  vocabulary.tokens_.reserve(field.value().size());
  for (const auto& [token, id] : field.value().items()) {
    const JsonField entry(id, absl::StrCat(field.path(), "[\"", token.substr(0, 40), "\"]"));
    const absl::StatusOr<int64_t> value = entry.Integer(0, kMaxId);
    if (!value.ok()) return value.status();
    if (absl::Status status = vocabulary.Add(token, *value); !status.ok()) {
      return entry.Error(std::string(status.message()));
    }
  }
  return vocabulary;
}

absl::Status Vocabulary::Add(std::string_view token, int64_t id) {
  if (token.size() > kMaxTokenBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a token of ", token.size(), " bytes is longer than ", kMaxTokenBytes));
  }
  if (id < 0 || id > kMaxId) {
    return absl::InvalidArgumentError(absl::StrCat("id ", id, " is outside 0 to ", kMaxId));
  }
  const auto value = static_cast<int32_t>(id);
  if (const auto [taken, fresh] = tokens_.try_emplace(value, token); !fresh) {
    return absl::InvalidArgumentError(
        absl::StrCat("id ", id, " is taken by \"", taken->second.substr(0, 40), "\""));
  }
  const auto [entry, fresh] = ids_.try_emplace(std::string(token), value);
  if (!fresh) entry->second = value;
  max_id_ = std::max(max_id_, value);
  return absl::OkStatus();
}

}  // namespace strata::models
