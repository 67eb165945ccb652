// What the configurations of image models have in common.
#ifndef STRATA_MODELS_LAYERS_IMAGE_CONFIG_H_
#define STRATA_MODELS_LAYERS_IMAGE_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "models/layers/config_fields.h"
#include "models/layers/image_encoder.h"
#include "models/layers/linear.h"

namespace strata::models {

// timm's label_names, of config.json itself or of its pretrained_cfg; left as they are if absent.
void ReadTimmLabels(const ConfigFields& fields, std::vector<std::string>& labels);

// Rows of a classifier; 0: there is none.
int32_t NumClasses(const Linear& head);

// INVALID_ARGUMENT: the configuration names labels, but not as many as the classifier has classes.
absl::Status CheckLabels(const ImageEncoderInfo& info, const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_IMAGE_CONFIG_H_
