// A checkpoint's own preprocessing of images, from its files.
//
// Sources: transformers 5 (preprocessor_config.json; its default backend computes as torchvision
// does on uint8 tensors), timm 1.0 (pretrained_cfg in config.json; Pillow).
#ifndef STRATA_MODELS_LAYERS_IMAGE_PROCESSOR_CONFIG_H_
#define STRATA_MODELS_LAYERS_IMAGE_PROCESSOR_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/media/image_processor.h"

namespace strata::models {

// preprocessor_config.json of a ViT, DeiT, BiT or CLIP image processor, by its present name or an
// older one ("…FeatureExtractor", "…Fast"); "…Pil" computes as Pillow does. INVALID_ARGUMENT names
// the field; UNIMPLEMENTED names the processor or the setting that is not known. `where` stands in
// front of messages (a file name).
absl::StatusOr<ImageProcessor> ParseTransformersProcessor(const std::string& json,
                                                          const std::string& where);

// A timm config.json: input_size, crop_pct, crop_mode, interpolation, mean and std of its
// pretrained_cfg. What that leaves out: 0.875, "center", bicubic, ImageNet's.
absl::StatusOr<ImageProcessor> ParseTimmProcessor(const std::string& json,
                                                  const std::string& where);

// What a model folder says: preprocessor_config.json if it is there, else config.json's
// pretrained_cfg, else the evaluation transform of timm for height x width, the shorter side
// resized to height / crop_pct first.
absl::StatusOr<ImageProcessor> LoadImageProcessor(const std::string& folder, int32_t height,
                                                  int32_t width, double crop_pct);

// Resize (shorter side to size / crop_pct, cut to whole pixels), crop, ImageNet mean and std.
ImageProcessor TimmProcessor(int32_t height, int32_t width, double crop_pct);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_IMAGE_PROCESSOR_CONFIG_H_
