// A decoded image: what every reader of models/media gives and every step behind it takes.
#ifndef STRATA_MODELS_MEDIA_IMAGE_H_
#define STRATA_MODELS_MEDIA_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace strata::models {

// 8-bit RGB, rows from the top, no padding between rows. Plain data.
struct RgbImage {
  int32_t width = 0;
  int32_t height = 0;
  std::vector<uint8_t> pixels;  // [height, width, 3]

  uint8_t* row(int32_t y) { return pixels.data() + static_cast<size_t>(y) * row_bytes(); }
  const uint8_t* row(int32_t y) const {
    return pixels.data() + static_cast<size_t>(y) * row_bytes();
  }
  size_t row_bytes() const { return static_cast<size_t>(width) * 3; }

  // Black.
  static RgbImage OfSize(int32_t width, int32_t height) {
    return {width, height,
            std::vector<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height) * 3)};
  }
};

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_IMAGE_H_
