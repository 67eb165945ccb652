// Typed access to the fields of a parsed JSON file, with errors that name the field.
#ifndef STRATA_MODELS_TOKENIZER_JSON_FIELD_H_
#define STRATA_MODELS_TOKENIZER_JSON_FIELD_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace strata::models {

// A value and the path that leads to it, "model.vocab". Refers to the value: keep the file alive.
class JsonField {
 public:
  JsonField(const nlohmann::json& value, std::string path)
      : value_(&value), path_(std::move(path)) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& path() const { return path_; }
  bool is_null() const { return value_->is_null(); }

  // A null field when there is none.
  JsonField At(const std::string& key) const {
    static const nlohmann::json kNull;
    const auto found = value_->is_object() ? value_->find(key) : value_->end();
    const bool missing = !value_->is_object() || found == value_->end();
    return {missing ? kNull : *found, path_.empty() ? key : absl::StrCat(path_, ".", key)};
  }
  JsonField At(size_t index) const {
    return {(*value_)[index], absl::StrCat(path_, "[", index, "]")};
  }

  absl::Status Error(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": ", what));
  }

  absl::StatusOr<std::string> String() const {
    if (!value_->is_string()) return Error("must be a string");
    return value_->get_ref<const std::string&>();
  }
  // `fallback` stands for a missing or null field; none: the field is required.
  absl::StatusOr<bool> Bool(std::optional<bool> fallback = std::nullopt) const {
    if (is_null() && fallback.has_value()) return *fallback;
    if (!value_->is_boolean()) return Error("must be true or false");
    return value_->get<bool>();
  }
  absl::StatusOr<int64_t> Integer(int64_t low, int64_t high) const {
    if (!value_->is_number_integer() ||
        (value_->is_number_unsigned() &&
         value_->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) ||
        value_->get<int64_t>() < low || value_->get<int64_t>() > high) {
      return Error(absl::StrCat("must be a whole number from ", low, " to ", high));
    }
    return value_->get<int64_t>();
  }

 private:
  const nlohmann::json* value_;
  std::string path_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_JSON_FIELD_H_
