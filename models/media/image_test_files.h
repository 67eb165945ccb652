// Encoded images for tests, made from pixels in memory.
#ifndef STRATA_MODELS_MEDIA_IMAGE_TEST_FILES_H_
#define STRATA_MODELS_MEDIA_IMAGE_TEST_FILES_H_

#include <string>
#include <string_view>
#include <vector>

#include "models/media/image.h"

namespace strata::models {

// Every pixel its own colour, changing smoothly.
RgbImage TestImage(int32_t width, int32_t height);

// Samples as a file stores them, [height, width, channels].
struct Samples {
  int32_t width = 0, height = 0;
  int channels = 3;  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha (PNG) or CMYK (JPEG, TIFF)
  std::vector<uint8_t> values;
};
Samples ToSamples(const RgbImage& image);

// An EXIF block that says `orientation`, little or big endian.
std::string Exif(int orientation, bool big_endian);

// `exif` (may be empty) without "Exif\0\0". `bits` 16: every value v is written as v · 256 + 7.
std::string PngFile(const Samples& samples, std::string_view exif = {}, int bits = 8,
                    bool interlaced = false);
std::string JpegFile(const Samples& samples, int quality = 95, std::string_view exif = {},
                     bool progressive = false);
std::string WebpFile(const RgbImage& image);  // lossless
std::string GifFile(const RgbImage& image);   // colours are reduced to 4 bits of red and of green

// An uncompressed TIFF, put together by hand.
struct TiffOptions {
  bool big_endian = false;
  bool planar = false;
  int bits = 8;
  int photometric = 2;
  int orientation = 1;
  int sample_format = 1;
};
std::string TiffFile(const Samples& samples, const TiffOptions& options = {});

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_IMAGE_TEST_FILES_H_
