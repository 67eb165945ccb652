#include "models/media/image_processor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

constexpr int64_t kMaxResizedPixels = 100'000'000;

struct Size {
  int64_t height = 0, width = 0;
};

// A whole number for Python's round(): halves to even.
int64_t RoundHalfEven(double value) { return static_cast<int64_t>(std::nearbyint(value)); }

// One side becomes `side`, the other follows, cut to whole pixels.
Size ScaleShorterTo(Size image, int64_t side, double exact_side) {
  if (image.width < image.height) {
    return {static_cast<int64_t>(exact_side * static_cast<double>(image.height) /
                                 static_cast<double>(image.width)),
            side};
  }
  return {side, static_cast<int64_t>(exact_side * static_cast<double>(image.width) /
                                     static_cast<double>(image.height))};
}

Size LongestEdge(Size image, int64_t shortest, int64_t longest) {
  const auto low = static_cast<double>(std::min(image.height, image.width));
  const auto high = static_cast<double>(std::max(image.height, image.width));
  auto exact = static_cast<double>(shortest);
  if (high / low * exact > static_cast<double>(longest)) {
    exact = static_cast<double>(longest) * low / high;
  }
  const int64_t side = RoundHalfEven(exact);
  if (static_cast<double>(side) == low) return image;
  return ScaleShorterTo(image, side, exact);
}

Size KeepRatio(Size image, const ImageProcessor& processor) {
  const double by_height = static_cast<double>(image.height) / processor.height;
  const double by_width = static_cast<double>(image.width) / processor.width;
  const double ratio = processor.resize == ResizeRule::kFit ? std::max(by_height, by_width)
                                                            : std::min(by_height, by_width);
  return {RoundHalfEven(static_cast<double>(image.height) / ratio),
          RoundHalfEven(static_cast<double>(image.width) / ratio)};
}

Size TargetSize(Size image, const ImageProcessor& processor) {
  switch (processor.resize) {
    case ResizeRule::kNone:
      return image;
    case ResizeRule::kExact:
      return {processor.height, processor.width};
    case ResizeRule::kShortestEdge:
      return ScaleShorterTo(image, processor.height, processor.height);
    case ResizeRule::kLongestEdge:
      return LongestEdge(image, processor.height, processor.width);
    case ResizeRule::kCover:
    case ResizeRule::kFit:
      return KeepRatio(image, processor);
  }
  return image;
}

// Where the crop begins on one axis, in the image's own pixels; negative: it is padded in front.
int32_t CropBegin(int32_t size, int32_t crop, CropAnchor anchor) {
  if (crop > size) return -((crop - size) / 2);
  if (anchor == CropAnchor::kFloor) return (size - crop) / 2;
  return static_cast<int32_t>(RoundHalfEven((size - crop) / 2.0));
}

RgbImage Crop(const RgbImage& image, const ImageProcessor& processor) {
  if (image.width == processor.crop_width && image.height == processor.crop_height) return image;
  RgbImage out = RgbImage::OfSize(processor.crop_width, processor.crop_height);
  const int32_t left = CropBegin(image.width, out.width, processor.anchor);
  const int32_t top = CropBegin(image.height, out.height, processor.anchor);
  if (processor.fill != std::array<uint8_t, 3>{}) {
    for (size_t i = 0; i < out.pixels.size(); ++i) out.pixels[i] = processor.fill[i % 3];
  }
  const int32_t x0 = std::max(0, -left), x1 = std::min(out.width, image.width - left);
  const int32_t y0 = std::max(0, -top), y1 = std::min(out.height, image.height - top);
  for (int32_t y = y0; y < y1; ++y) {
    std::memcpy(out.row(y) + size_t{3} * x0, image.row(y + top) + size_t{3} * (x0 + left),
                size_t{3} * (x1 - x0));
  }
  return out;
}

}  // namespace

absl::StatusOr<RgbImage> ResizeAndCrop(const RgbImage& image, const ImageProcessor& processor) {
  const Size size = TargetSize({image.height, image.width}, processor);
  if (size.height < 1 || size.width < 1) {
    return absl::InvalidArgumentError(absl::StrCat("an image of ", image.width, " x ", image.height,
                                                   " pixels is too narrow: resized it would be ",
                                                   size.width, " x ", size.height));
  }
  if (size.width > kMaxResizedPixels / size.height) {
    return absl::ResourceExhaustedError(
        absl::StrCat("an image of ", image.width, " x ", image.height,
                     " pixels is too narrow: resized it would be ", size.width, " x ", size.height,
                     ", more than ", kMaxResizedPixels, " pixels"));
  }
  if (processor.crop && processor.crop_width > kMaxResizedPixels / processor.crop_height) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the preprocessing asks for ", processor.crop_width, " x ",
                     processor.crop_height, " pixels, more than ", kMaxResizedPixels));
  }
  auto resized = Resize(image, static_cast<int32_t>(size.width), static_cast<int32_t>(size.height),
                        processor.filter, processor.arithmetic);
  if (!resized.ok() || !processor.crop) return resized;
  return Crop(*resized, processor);
}

void Normalize(const RgbImage& image, const ImageProcessor& processor, float* out) {
  const size_t plane = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  const bool fused =
      processor.scale_rule == ScaleRule::kFused && processor.rescale && processor.normalize;
  // 256 values a channel: a table is both exact and the fastest way.
  for (int c = 0; c < 3; ++c) {
    std::array<float, 256> table;
    auto mean = static_cast<float>(processor.mean[c]), std = static_cast<float>(processor.std[c]);
    if (fused) {
      mean *= static_cast<float>(1.0 / processor.rescale_factor);
      std *= static_cast<float>(1.0 / processor.rescale_factor);
    }
    for (int value = 0; value < 256; ++value) {
      auto x = static_cast<float>(value);
      if (processor.rescale && processor.scale_rule == ScaleRule::kDivideBy255) {
        x /= 255.0F;
      } else if (processor.rescale && !fused) {
        x = static_cast<float>(value * processor.rescale_factor);
      }
      table[value] = processor.normalize ? (x - mean) / std : x;
    }
    const uint8_t* in = image.pixels.data() + c;
    float* const to = out + static_cast<size_t>(c) * plane;
    for (size_t i = 0; i < plane; ++i) to[i] = table[in[3 * i]];
  }
}

}  // namespace strata::models
