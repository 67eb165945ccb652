// Decodes an image file of any supported format into 8-bit RGB.
//
// What becomes of what: alpha is dropped (the colour below it stays), grey is replicated, a palette
// is looked up, CMYK and YCCK become RGB without a colour profile (JPEG: the inverted values that
// Adobe writes), of 16 bits the high byte is kept, of an animation the first frame. These are the
// results of Pillow's convert("RGB"), with one exception: Pillow cuts 16-bit grey off at 255, which
// leaves a white picture.
#ifndef STRATA_MODELS_MEDIA_IMAGE_READER_H_
#define STRATA_MODELS_MEDIA_IMAGE_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "models/media/image.h"

namespace strata::models {

enum class ImageFormat : uint8_t { kJpeg, kPng, kWebp, kTiff, kGif };

std::string_view ImageFormatName(ImageFormat format);  // "JPEG", "PNG", ...

// By the first bytes; a file's name has no say. Nothing: not an image of these formats.
std::optional<ImageFormat> DetectImageFormat(std::string_view bytes);

// Checked against the file's header, before anything is allocated for its pixels. Decoding takes
// about 3 bytes a pixel, up to 16 for animated WebP and progressive JPEG.
struct ImageLimits {
  int64_t max_source_bytes = int64_t{128} << 20;
  int64_t max_pixels = 100'000'000;
  int32_t max_side = 65'535;  // pixels
};

struct ImageReadOptions {
  ImageLimits limits;
  // Turn the image as its EXIF (or XMP) orientation says. A TIFF is always turned: there the tag
  // belongs to the layout.
  bool apply_orientation = true;
  std::string name;  // of the file, for messages; may be empty
};

// INVALID_ARGUMENT: not an image, or broken (truncated, damaged data, a checksum that fails), with
// what the decoder met. UNIMPLEMENTED: a kind of a known format that is not read (float TIFF).
// RESOURCE_EXHAUSTED: a limit above, named. Damage that a format cannot notice (flipped bits that
// are still valid JPEG) goes unnoticed. Thread-safe.
absl::StatusOr<RgbImage> ReadImage(std::string_view bytes, const ImageReadOptions& options = {});

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_IMAGE_READER_H_
