// What the configurations of image models have in common.
#ifndef STRATA_MODELS_LAYERS_IMAGE_CONFIG_H_
#define STRATA_MODELS_LAYERS_IMAGE_CONFIG_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/tensor_map.h"
#include "models/layers/activation.h"
#include "models/layers/config_fields.h"
#include "models/layers/image_encoder.h"
#include "models/layers/linear.h"
#include "models/layers/window_order.h"

namespace strata::models {

// timm's label_names, of config.json itself or of its pretrained_cfg; left as they are if absent.
void ReadTimmLabels(const ConfigFields& fields, std::vector<std::string>& labels);

// Rows of a classifier; 0: there is none.
int32_t NumClasses(const Linear& head);

// INVALID_ARGUMENT: the configuration names labels, but not as many as the classifier has classes.
absl::Status CheckLabels(const ImageEncoderInfo& info, const std::string& where);

// What transformers' image models name hidden_act. UNIMPLEMENTED: another than those known.
absl::StatusOr<Activation> ParseHiddenAct(const std::string& name, const std::string& where);

// "224 x 192", rows first, for messages.
std::string SizeText(Extent extent);

// A Model of a folder's parts: parse(config_json, where) gives its configuration,
// load(config, weights, folder) its weights.
template <typename Model, typename Parse, typename LoadWeights>
absl::StatusOr<std::unique_ptr<const ImageEncoder>> LoadImageModel(Parse parse, LoadWeights load,
                                                                   const std::string& config_json,
                                                                   const TensorMap& weights,
                                                                   const std::string& folder) {
  const std::string where = absl::StrCat(folder, "/config.json");
  auto config = parse(config_json, where);
  if (!config.ok()) return config.status();
  auto loaded = load(*config, weights, folder);
  if (!loaded.ok()) return loaded.status();
  auto model = std::make_unique<Model>(*std::move(config), *std::move(loaded));
  if (absl::Status status = CheckLabels(model->info(), where); !status.ok()) return status;
  return model;
}

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_IMAGE_CONFIG_H_
