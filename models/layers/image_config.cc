#include "models/layers/image_config.h"

#include "absl/strings/str_cat.h"

namespace strata::models {

void ReadTimmLabels(const ConfigFields& fields, std::vector<std::string>& labels) {
  const nlohmann::json* names = fields.Find("label_names");
  const ConfigFields pretrained = fields.Within("pretrained_cfg");
  if (names == nullptr) names = pretrained.Find("label_names");
  if (names == nullptr || !names->is_array()) return;
  labels.clear();
  for (const nlohmann::json& name : *names) {
    labels.push_back(name.is_string() ? name.get<std::string>() : name.dump());
  }
}

int32_t NumClasses(const Linear& head) {
  return head.weight.defined() ? static_cast<int32_t>(head.weight.size(0)) : 0;
}

absl::Status CheckLabels(const ImageEncoderInfo& info, const std::string& where) {
  const auto named = static_cast<int32_t>(info.labels.size());
  if (named == 0 || info.num_classes == 0 || named == info.num_classes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      where, ": names ", named, " labels, the checkpoint's classifier has ", info.num_classes));
}

absl::StatusOr<Activation> ParseHiddenAct(const std::string& name, const std::string& where) {
  auto known = ParseActivation(name);
  if (known.ok()) return known;
  return absl::UnimplementedError(absl::StrCat(where, ": hidden_act: ", known.status().message()));
}

std::string SizeText(Extent extent) { return absl::StrCat(extent.height, " x ", extent.width); }

}  // namespace strata::models
