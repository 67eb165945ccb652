// The decoders behind ReadImage, one for each format. All are thread-safe and give their errors
// without the file's name, which ReadImage adds.
#ifndef STRATA_MODELS_MEDIA_IMAGE_FORMAT_READERS_H_
#define STRATA_MODELS_MEDIA_IMAGE_FORMAT_READERS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/media/image.h"
#include "models/media/image_reader.h"

namespace strata::models {

struct DecodedImage {
  RgbImage image;       // as stored
  int orientation = 1;  // 1 … 8 as EXIF numbers them; 1: as it is
};

absl::StatusOr<DecodedImage> ReadJpeg(std::string_view bytes, const ImageLimits& limits);
absl::StatusOr<DecodedImage> ReadPng(std::string_view bytes, const ImageLimits& limits);
absl::StatusOr<DecodedImage> ReadWebp(std::string_view bytes, const ImageLimits& limits);
absl::StatusOr<DecodedImage> ReadTiff(std::string_view bytes, const ImageLimits& limits);
absl::StatusOr<DecodedImage> ReadGif(std::string_view bytes, const ImageLimits& limits);

// INVALID_ARGUMENT: an empty image. RESOURCE_EXHAUSTED: over the limits, with both numbers.
absl::Status CheckImageSize(int64_t width, int64_t height, const ImageLimits& limits);

// One pixel of (not inverted) CMYK, as Pillow converts it.
void CmykToRgb(const uint8_t* cmyk, uint8_t* rgb);

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_IMAGE_FORMAT_READERS_H_
