#include "models/media/image_resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

struct Filter {
  double (*value)(double x);
  double support;
};

double Box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double Bilinear(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double Hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= std::numbers::pi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // float constants, as Pillow's are
}

double Bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double Sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double Lanczos(double x) { return x >= -3.0 && x < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0; }

Filter FilterOf(ResampleFilter filter) {
  switch (filter) {
    case ResampleFilter::kBox:
      return {Box, 0.5};
    case ResampleFilter::kBilinear:
      return {Bilinear, 1.0};
    case ResampleFilter::kHamming:
      return {Hamming, 1.0};
    case ResampleFilter::kLanczos:
      return {Lanczos, 3.0};
    default:
      return {Bicubic, 2.0};
  }
}

// Of each target pixel: the first source pixel, how many, and their weights times 2^shift.
struct AxisWeights {
  std::vector<int32_t> first, count;
  std::vector<int32_t> weights;  // [target, taps]
  int taps = 0;
  int shift = 0;
};

// The finest step at which the largest weight still fits 16 bits.
int TorchvisionShift(double largest) {
  int shift = 0;
  while (shift < 22 && static_cast<int>(0.5 + largest * (1 << (shift + 1))) < (1 << 15)) ++shift;
  return shift;
}

AxisWeights MakeWeights(int32_t source, int32_t target, const Filter& filter,
                        ResampleArithmetic arithmetic) {
  const double scale = static_cast<double>(source) / target;
  const double stretch = std::max(1.0, scale);
  const double support = filter.support * stretch;
  AxisWeights axis;
  axis.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  const double inverse = 1.0 / stretch;
  std::vector<double> exact(static_cast<size_t>(target) * axis.taps, 0.0);
  double largest = 0;
  for (int32_t i = 0; i < target; ++i) {
    const double centre = (i + 0.5) * scale;
    const int32_t first = std::max(0, static_cast<int32_t>(centre - support + 0.5));
    const int32_t end = std::min(source, static_cast<int32_t>(centre + support + 0.5));
    const int32_t count = std::clamp(end - first, 0, axis.taps);
    double* const row = exact.data() + static_cast<size_t>(i) * axis.taps;
    double sum = 0;
    for (int32_t t = 0; t < count; ++t) {
      row[t] = filter.value((t + first - centre + 0.5) * inverse);
      sum += row[t];
    }
    for (int32_t t = 0; t < count && sum != 0.0; ++t) {
      row[t] /= sum;
      largest = std::max(largest, row[t]);
    }
    axis.first.push_back(first);
    axis.count.push_back(count);
  }
  axis.shift = arithmetic == ResampleArithmetic::kPillow ? 22 : TorchvisionShift(largest);
  for (double weight : exact) {
    const double scaled = weight * (1 << axis.shift);
    axis.weights.push_back(static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
  }
  return axis;
}

uint8_t Clip(int32_t value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

RgbImage ResizeColumns(const RgbImage& image, int32_t width, const Filter& filter,
                       ResampleArithmetic arithmetic) {
  const AxisWeights axis = MakeWeights(image.width, width, filter, arithmetic);
  const int32_t half = 1 << (axis.shift - 1);
  RgbImage out = RgbImage::OfSize(width, image.height);
  for (int32_t y = 0; y < image.height; ++y) {
    const uint8_t* const row = image.row(y);
    uint8_t* pixel = out.row(y);
    for (int32_t x = 0; x < width; ++x, pixel += 3) {
      const uint8_t* in = row + size_t{3} * axis.first[x];
      const int32_t* weight = axis.weights.data() + static_cast<size_t>(x) * axis.taps;
      int32_t red = half, green = half, blue = half;
      for (int32_t t = 0; t < axis.count[x]; ++t, in += 3) {
        red += in[0] * weight[t];
        green += in[1] * weight[t];
        blue += in[2] * weight[t];
      }
      pixel[0] = Clip(red >> axis.shift);
      pixel[1] = Clip(green >> axis.shift);
      pixel[2] = Clip(blue >> axis.shift);
    }
  }
  return out;
}

RgbImage ResizeRows(const RgbImage& image, int32_t height, const Filter& filter,
                    ResampleArithmetic arithmetic) {
  const AxisWeights axis = MakeWeights(image.height, height, filter, arithmetic);
  const int32_t half = 1 << (axis.shift - 1);
  RgbImage out = RgbImage::OfSize(image.width, height);
  const size_t row_bytes = image.row_bytes();
  std::vector<int32_t> sums(row_bytes);
  for (int32_t y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), half);
    for (int32_t t = 0; t < axis.count[y]; ++t) {
      const int32_t weight = axis.weights[static_cast<size_t>(y) * axis.taps + t];
      const uint8_t* const in = image.row(axis.first[y] + t);
      for (size_t i = 0; i < row_bytes; ++i) sums[i] += in[i] * weight;
    }
    uint8_t* const row = out.row(y);
    for (size_t i = 0; i < row_bytes; ++i) row[i] = Clip(sums[i] >> axis.shift);
  }
  return out;
}

// The source pixel of each target pixel. Pillow takes the one under the target's centre, adding the
// step up as it goes; torchvision the one under its corner, in float32.
std::vector<int32_t> NearestSources(int32_t source, int32_t target, ResampleArithmetic arithmetic) {
  std::vector<int32_t> sources;
  const double step = static_cast<double>(source) / target;
  const float step32 = static_cast<float>(source) / static_cast<float>(target);
  double centre = step * 0.5;
  for (int32_t i = 0; i < target; ++i, centre += step) {
    const auto place = arithmetic == ResampleArithmetic::kPillow
                           ? static_cast<int32_t>(centre)
                           : static_cast<int32_t>(std::floor(static_cast<float>(i) * step32));
    sources.push_back(std::min(source - 1, place));
  }
  return sources;
}

RgbImage ResizeNearest(const RgbImage& image, int32_t width, int32_t height,
                       ResampleArithmetic arithmetic) {
  RgbImage out = RgbImage::OfSize(width, height);
  const std::vector<int32_t> columns = NearestSources(image.width, width, arithmetic);
  const std::vector<int32_t> rows = NearestSources(image.height, height, arithmetic);
  for (int32_t y = 0; y < height; ++y) {
    const uint8_t* const in = image.row(rows[y]);
    uint8_t* to = out.row(y);
    for (int32_t column : columns) to = std::copy_n(in + size_t{3} * column, 3, to);
  }
  return out;
}

}  // namespace

absl::StatusOr<RgbImage> Resize(const RgbImage& image, int32_t width, int32_t height,
                                ResampleFilter filter, ResampleArithmetic arithmetic) {
  if (image.width < 1 || image.height < 1 || width < 1 || height < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot resize ", image.width, " x ", image.height, " pixels to ", width, " x ", height));
  }
  const bool pillow = arithmetic == ResampleArithmetic::kPillow;
  if (!pillow && (filter == ResampleFilter::kBox || filter == ResampleFilter::kHamming ||
                  filter == ResampleFilter::kLanczos)) {
    return absl::UnimplementedError(
        "torchvision resizes tensors by nearest, bilinear and bicubic filters only");
  }
  if (width == image.width && height == image.height) return image;
  if (filter == ResampleFilter::kNearest) return ResizeNearest(image, width, height, arithmetic);
  const Filter kernel = FilterOf(filter);
  if (height == image.height) return ResizeColumns(image, width, kernel, arithmetic);
  if (width == image.width) return ResizeRows(image, height, kernel, arithmetic);
  const int64_t fewer_rows = int64_t{image.height} - height;
  const bool rows_first =
      pillow && fewer_rows > 0 && fewer_rows > 2 * (int64_t{image.width} - width);
  if (rows_first) {
    return ResizeColumns(ResizeRows(image, height, kernel, arithmetic), width, kernel, arithmetic);
  }
  return ResizeRows(ResizeColumns(image, width, kernel, arithmetic), height, kernel, arithmetic);
}

}  // namespace strata::models
