// From a decoded image to the numbers that a network takes: resize, crop, rescale, normalise, as a
// checkpoint's own preprocessing says.
//
// Sources: transformers 5 image processors, timm 1.0 evaluation transforms. What a checkpoint's
// files say is read by models/layers/image_processor_config.h.
#ifndef STRATA_MODELS_MEDIA_IMAGE_PROCESSOR_H_
#define STRATA_MODELS_MEDIA_IMAGE_PROCESSOR_H_

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "models/media/image.h"
#include "models/media/image_resize.h"

namespace strata::models {

// The side lengths that an image is resized to, from its own and `height`, `width`.
enum class ResizeRule : uint8_t {
  kNone,
  kExact,         // height x width, the aspect ratio is not kept
  kShortestEdge,  // the shorter side becomes `height`, the longer one is cut to whole pixels
  kLongestEdge,   // as kShortestEdge, but the longer side is at most `width`
  kCover,         // aspect ratio kept, at least height x width
  kFit,           // aspect ratio kept, at most height x width
};

// What lies where when an odd number of rows is left over.
enum class CropAnchor : uint8_t {
  kFloor,          // transformers: floor((H - h) / 2)
  kRoundHalfEven,  // torchvision, timm: half rows go to the even number
};

// In which float32 steps 8 bits become numbers. They differ in the last bit only.
enum class ScaleRule : uint8_t {
  kFused,        // transformers on tensors: (x - mean/f) / (std/f), f the rescale factor
  kMultiply,     // transformers on Pillow images: (x·f - mean) / std
  kDivideBy255,  // torchvision, timm: (x/255 - mean) / std
};

struct ImageProcessor {
  bool apply_orientation = true;  // transformers: yes; timm: no

  ResizeRule resize = ResizeRule::kExact;
  int32_t height = 224, width = 224;
  ResampleFilter filter = ResampleFilter::kBicubic;
  ResampleArithmetic arithmetic = ResampleArithmetic::kTorchvision;

  bool crop = false;  // to crop_height x crop_width; a smaller image is padded with `fill` first
  int32_t crop_height = 224, crop_width = 224;
  CropAnchor anchor = CropAnchor::kFloor;
  std::array<uint8_t, 3> fill = {0, 0, 0};

  bool rescale = true;
  double rescale_factor = 1.0 / 255;
  bool normalize = true;
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> std = {0.229, 0.224, 0.225};
  ScaleRule scale_rule = ScaleRule::kFused;
};

// Resized and cropped, still 8 bits. INVALID_ARGUMENT: an image so narrow that a side would become
// 0. RESOURCE_EXHAUSTED: more than 100 million pixels after resizing, before they are allocated.
absl::StatusOr<RgbImage> ResizeAndCrop(const RgbImage& image, const ImageProcessor& processor);

// Rescaled and normalised in float32, [3, H, W] into `out` (3 · H · W floats).
void Normalize(const RgbImage& image, const ImageProcessor& processor, float* out);

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_IMAGE_PROCESSOR_H_
