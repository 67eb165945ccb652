// Typed fields of a checkpoint's config.json, for the configurations of the architectures.
#ifndef STRATA_MODELS_LAYERS_CONFIG_FIELDS_H_
#define STRATA_MODELS_LAYERS_CONFIG_FIELDS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nlohmann/json.hpp"

namespace strata::models {

// Reads fields into variables that hold the defaults: a field that is absent or null leaves its
// variable as it is. The first fault is kept and everything after it changes nothing more in
// status(). Not thread-safe.
class ConfigFields {
 public:
  // `json` is the file's content, `where` what messages call it. Not an object: a fault.
  ConfigFields(const std::string& json, std::string where);

  // A whole number in minimum … 2^24.
  void Size(const char* name, int32_t minimum, int32_t& value);
  void Number(const char* name, double& value);
  void Flag(const char* name, bool& value);
  void Text(const char* name, std::string& value);
  // A list of true and false.
  void Flags(const char* name, std::vector<bool>& values);
  // A list of whole numbers, each in minimum … 2^24.
  void Sizes(const char* name, int32_t minimum, std::vector<int32_t>& values);
  // One whole number for both, or a list [height, width].
  void SizePair(const char* name, int32_t minimum, int32_t& height, int32_t& width);
  // A list of values.size() numbers, or one number for all.
  void Numbers(const char* name, absl::Span<double> values);
  // id2label, {"0": "name", …}, in the order of the classes; empty if absent.
  void Labels(std::vector<std::string>& labels);
  // architectures[0]; empty if absent.
  std::string Architecture() const;
  // The field, or null if it is absent or null itself.
  const nlohmann::json* Find(const char* name) const;

  // The fields of an object within; none if it is absent. Has a status of its own.
  ConfigFields Within(const char* name) const;

  // Whether the field is there and null.
  bool IsNull(const char* name) const;

  // "where: name what".
  void Fail(const char* name, absl::string_view what);
  // INVALID_ARGUMENT: the first fault.
  const absl::Status& status() const { return status_; }

 private:
  ConfigFields(nlohmann::json object, std::string where, absl::Status status)
      : object_(std::move(object)), where_(std::move(where)), status_(std::move(status)) {}
  bool ReadSize(const char* name, const nlohmann::json& field, int32_t minimum, int32_t& value);

  nlohmann::json object_;
  std::string where_;
  absl::Status status_;
};

// Whether all labels are the library's own LABEL_0, LABEL_1, …, which it writes where nobody named
// any.
bool ArePlaceholderLabels(const std::vector<std::string>& labels);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_CONFIG_FIELDS_H_
