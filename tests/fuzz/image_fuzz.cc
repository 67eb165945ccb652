// Image files of every format, told by their first bytes.
#include <string>
#include <string_view>
#include <vector>

#include "models/media/image_reader.h"
#include "models/media/image_test_files.h"
#include "tests/fuzz/fuzz_target.h"

namespace strata::fuzz {

std::vector<std::string> Seeds() {
  const models::RgbImage image = models::TestImage(12, 9);
  const models::Samples samples = models::ToSamples(image);
  return {models::PngFile(samples),
          models::PngFile(samples, models::Exif(6, true), 16, true),
          models::JpegFile(samples, 90, models::Exif(3, false)),
          models::JpegFile(samples, 90, {}, true),
          models::WebpFile(image),
          models::GifFile(image),
          models::TiffFile(samples),
          models::TiffFile(samples, {.big_endian = true, .planar = true})};
}

void Run(std::string_view input) {
  models::ImageReadOptions options;
  options.limits.max_pixels = 1 << 20;
  const auto image = models::ReadImage(input, options);
  if (!image.ok()) return;
  Require(image->width > 0 && image->height > 0, "an image has pixels");
  Require(static_cast<int64_t>(image->width) * image->height <= options.limits.max_pixels,
          "max_pixels");
}

}  // namespace strata::fuzz
