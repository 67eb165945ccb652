#include "models/layers/config_fields.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::models {

using Json = nlohmann::json;

ConfigFields::ConfigFields(const std::string& json, std::string where)
    : object_(Json::parse(json, nullptr, /*allow_exceptions=*/false)), where_(std::move(where)) {
  if (object_.is_object()) return;
  status_ = absl::InvalidArgumentError(absl::StrCat(where_, ": not a JSON object"));
  object_ = Json::object();
}

void ConfigFields::Size(const char* name, int32_t minimum, int32_t& value) {
  const Json* field = Find(name);
  if (field != nullptr) ReadSize(name, *field, minimum, value);
}

bool ConfigFields::ReadSize(const char* name, const Json& field, int32_t minimum, int32_t& value) {
  if (!field.is_number_integer()) {
    Fail(name, "is not a whole number");
    return false;
  }
  const int64_t number = field.get<int64_t>();
  if (number < minimum || number > (1 << 24)) {
    Fail(name, absl::StrCat("is ", number, ", outside ", minimum, "..", 1 << 24));
    return false;
  }
  value = static_cast<int32_t>(number);
  return true;
}

void ConfigFields::Sizes(const char* name, int32_t minimum, std::vector<int32_t>& values) {
  const Json* field = Find(name);
  if (field == nullptr) return;
  if (!field->is_array()) return Fail(name, "is not a list");
  values.clear();
  for (const Json& item : *field) {
    int32_t value = 0;
    if (!ReadSize(name, item, minimum, value)) return;
    values.push_back(value);
  }
}

void ConfigFields::SizePair(const char* name, int32_t minimum, int32_t& height, int32_t& width) {
  const Json* field = Find(name);
  if (field == nullptr) return;
  if (!field->is_array()) {
    if (ReadSize(name, *field, minimum, height)) width = height;
    return;
  }
  if (field->size() != 2) return Fail(name, "is neither a number nor a list of two");
  if (ReadSize(name, (*field)[0], minimum, height)) ReadSize(name, (*field)[1], minimum, width);
}

void ConfigFields::Numbers(const char* name, absl::Span<double> values) {
  const Json* field = Find(name);
  if (field == nullptr) return;
  const bool is_list = field->is_array();
  if (is_list && field->size() != values.size()) {
    return Fail(name, absl::StrCat("is not a list of ", values.size(), " numbers"));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const Json& item = is_list ? (*field)[i] : *field;
    if (!item.is_number()) return Fail(name, "is not a number or a list of numbers");
    values[i] = item.get<double>();
  }
}

ConfigFields ConfigFields::Within(const char* name) const {
  const Json* field = Find(name);
  std::string where = absl::StrCat(where_, ": ", name);
  if (field == nullptr) return {Json::object(), std::move(where), absl::OkStatus()};
  if (field->is_object()) return {*field, std::move(where), absl::OkStatus()};
  return {Json::object(), where,
          absl::InvalidArgumentError(absl::StrCat(where, ": not an object"))};
}

void ConfigFields::Number(const char* name, double& value) {
  const Json* field = Find(name);
  if (field == nullptr) return;
  if (!field->is_number()) return Fail(name, "is not a number");
  value = field->get<double>();
}

void ConfigFields::Flag(const char* name, bool& value) {
  const Json* field = Find(name);
  if (field == nullptr) return;
  if (!field->is_boolean()) return Fail(name, "is not true or false");
  value = field->get<bool>();
}

void ConfigFields::Flags(const char* name, std::vector<bool>& values) {
  const Json* field = Find(name);
  if (field == nullptr) return;
  if (!field->is_array()) return Fail(name, "is not a list");
  values.clear();
  for (const Json& flag : *field) {
    if (!flag.is_boolean()) return Fail(name, "holds something that is not true or false");
    values.push_back(flag.get<bool>());
  }
}

void ConfigFields::Text(const char* name, std::string& value) {
  const Json* field = Find(name);
  if (field == nullptr) return;
  if (!field->is_string()) return Fail(name, "is not a string");
  value = field->get<std::string>();
}

void ConfigFields::Labels(std::vector<std::string>& labels) {
  const Json* field = Find("id2label");
  if (field == nullptr) return;
  if (!field->is_object()) return Fail("id2label", "is not an object");
  labels.clear();
  for (size_t i = 0; i < field->size(); ++i) {
    const auto label = field->find(absl::StrCat(i));
    if (label == field->end() || !label->is_string()) {
      return Fail("id2label", absl::StrCat("has no string for class ", i));
    }
    labels.push_back(label->get<std::string>());
  }
}

std::string ConfigFields::Architecture() const {
  const Json* field = Find("architectures");
  const bool is_named =
      field != nullptr && field->is_array() && !field->empty() && field->front().is_string();
  return is_named ? field->front().get<std::string>() : "";
}

const Json* ConfigFields::Find(const char* name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigFields::IsNull(const char* name) const {
  const auto found = object_.find(name);
  return found != object_.end() && found->is_null();
}

void ConfigFields::Fail(const char* name, absl::string_view what) {
  if (status_.ok()) {
    status_ = absl::InvalidArgumentError(absl::StrCat(where_, ": ", name, " ", what));
  }
}

bool ArePlaceholderLabels(const std::vector<std::string>& labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != absl::StrCat("LABEL_", i)) return false;
  }
  return true;
}

}  // namespace strata::models
