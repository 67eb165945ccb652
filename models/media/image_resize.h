// Resizing of 8-bit RGB that equals Pillow's and torchvision's to the bit: two passes, one for each
// axis, with 8-bit rounding in between and fixed-point weights.
//
// Sources: Pillow 13 (Resample), PyTorch 2.11 (upsample of uint8 with antialias). Weights are the
// filter at (i + 0.5 - centre) / max(1, scale) over the source pixels within its support,
// normalised to a sum of 1.
#ifndef STRATA_MODELS_MEDIA_IMAGE_RESIZE_H_
#define STRATA_MODELS_MEDIA_IMAGE_RESIZE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "models/media/image.h"

namespace strata::models {

enum class ResampleFilter : uint8_t { kNearest, kLanczos, kBilinear, kBicubic, kBox, kHamming };

enum class ResampleArithmetic : uint8_t {
  kPillow,       // 22-bit weights; rows first (vertical pass) if that leaves clearly less to do
  kTorchvision,  // 16-bit weights of the finest step that fits; columns first, always
};

// INVALID_ARGUMENT: an empty image or size. UNIMPLEMENTED: torchvision has neither box, hamming nor
// lanczos for such images. O(pixels · support); a copy if the size stays. Thread-safe.
absl::StatusOr<RgbImage> Resize(const RgbImage& image, int32_t width, int32_t height,
                                ResampleFilter filter, ResampleArithmetic arithmetic);

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_IMAGE_RESIZE_H_
