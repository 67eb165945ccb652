// The configuration of a Swin checkpoint, as transformers or timm writes it.
//
// Sources: transformers 5 (SwinConfig), timm 1.0 (architecture, model_args), arXiv 2103.14030 §3.3.
#ifndef STRATA_MODELS_SWIN_SWIN_CONFIG_H_
#define STRATA_MODELS_SWIN_SWIN_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/swin_trunk.h"

namespace strata::models {

struct SwinConfig {
  SwinSpec spec;  // flavour kTransformers or kTimm
  Extent image{224, 224};
  int32_t num_channels = 3;  // of the pixels
  Extent patch{4, 4};
  bool use_absolute_embeddings = false;  // transformers
  bool any_size = true;                  // takes images of other sizes than `image`
  std::vector<std::string> labels;
  std::string architecture;

  bool is_timm() const { return spec.flavor == SwinFlavor::kTimm; }
  // Patches of an image, those cut off by its border included.
  Extent Patches(Extent image_size) const {
    return {(image_size.height + patch.height - 1) / patch.height,
            (image_size.width + patch.width - 1) / patch.width};
  }
};

// INVALID_ARGUMENT names the field; UNIMPLEMENTED names a setting that is not known. `where` stands
// in front of messages.
absl::StatusOr<SwinConfig> ParseSwinConfig(const std::string& json, const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_SWIN_SWIN_CONFIG_H_
