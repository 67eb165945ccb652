#include "models/media/image_orientation.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace strata::models {
namespace {

constexpr std::string_view kExifStart("Exif\0\0", 6);
constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShort = 3, kLong = 4;

// Numbers of a TIFF structure; reading past the end gives 0 and is remembered.
class TiffBytes {
 public:
  TiffBytes(std::string_view bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}
  bool ok() const { return ok_; }

  uint32_t Number(size_t offset, size_t num_bytes) {
    if (offset > bytes_.size() || bytes_.size() - offset < num_bytes) {
      ok_ = false;
      return 0;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < num_bytes; ++i) {
      const size_t place = big_endian_ ? i : num_bytes - 1 - i;
      value = value << 8 | static_cast<uint8_t>(bytes_[offset + place]);
    }
    return value;
  }

 private:
  const std::string_view bytes_;
  const bool big_endian_;
  bool ok_ = true;
};

// 0: not found.
int ExifOrientation(std::string_view exif) {
  if (exif.substr(0, kExifStart.size()) == kExifStart) exif.remove_prefix(kExifStart.size());
  if (exif.size() < 8) return 0;
  const bool big_endian = exif[0] == 'M';
  if (!big_endian && exif[0] != 'I') return 0;
  TiffBytes bytes(exif, big_endian);
  if (bytes.Number(2, 2) != 42) return 0;
  const size_t directory = bytes.Number(4, 4);
  const uint32_t num_entries = bytes.Number(directory, 2);
  for (uint32_t i = 0; i < num_entries && bytes.ok(); ++i) {
    const size_t entry = directory + 2 + size_t{12} * i;
    if (bytes.Number(entry, 2) != kOrientationTag) continue;
    const uint32_t type = bytes.Number(entry + 2, 2);
    if (type != kShort && type != kLong) return 0;
    const uint32_t value = bytes.Number(entry + 8, type == kShort ? 2 : 4);
    return bytes.ok() && value <= 8 ? static_cast<int>(value) : 0;
  }
  return 0;
}

// As an attribute, tiff:Orientation="6", or an element, <tiff:Orientation>6<. 0: not found.
int XmpOrientation(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (size_t at = xmp.find(kName); at != xmp.npos; at = xmp.find(kName, at + 1)) {
    std::string_view rest = xmp.substr(at + kName.size());
    if (rest.substr(0, 2) == "=\"") {
      rest.remove_prefix(2);
    } else if (rest.substr(0, 1) == ">") {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  }
  return 0;
}

void Mirror(RgbImage& image) {
  for (int32_t y = 0; y < image.height; ++y) {
    uint8_t* left = image.row(y);
    uint8_t* right = left + image.row_bytes() - 3;
    for (; left < right; left += 3, right -= 3) std::swap_ranges(left, left + 3, right);
  }
}

void Flip(RgbImage& image) {
  for (int32_t y = 0; y < image.height / 2; ++y) {
    std::swap_ranges(image.row(y), image.row(y) + image.row_bytes(),
                     image.row(image.height - 1 - y));
  }
}

// Rows become columns, in squares that stay in the cache.
RgbImage Transpose(const RgbImage& image) {
  constexpr int32_t kSquare = 32;
  RgbImage turned = RgbImage::OfSize(image.height, image.width);
  for (int32_t y0 = 0; y0 < image.height; y0 += kSquare) {
    const int32_t y1 = std::min(image.height, y0 + kSquare);
    for (int32_t x0 = 0; x0 < image.width; x0 += kSquare) {
      const int32_t x1 = std::min(image.width, x0 + kSquare);
      for (int32_t y = y0; y < y1; ++y) {
        for (int32_t x = x0; x < x1; ++x) {
          std::memcpy(turned.row(x) + size_t{3} * y, image.row(y) + size_t{3} * x, 3);
        }
      }
    }
  }
  return turned;
}

}  // namespace

int OrientationOf(std::string_view exif, std::string_view xmp) {
  int orientation = ExifOrientation(exif);
  if (orientation == 0) orientation = XmpOrientation(xmp);
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

RgbImage Turn(RgbImage image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  if (orientation >= 5) image = Transpose(image);
  // Behind the transposition of 5 … 8, 6 and 7 mirror and 7 and 8 flip.
  if (orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7) Mirror(image);
  if (orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8) Flip(image);
  return image;
}

}  // namespace strata::models
