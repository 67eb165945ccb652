#include "models/media/image_processor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/media/image_test_files.h"

namespace strata::models {
namespace {

ImageProcessor With(ResizeRule rule, int32_t height, int32_t width) {
  ImageProcessor processor;
  processor.resize = rule;
  processor.height = height;
  processor.width = width;
  return processor;
}

// [height, width] after resizing a width x height image.
std::vector<int32_t> SizeOf(int32_t width, int32_t height, const ImageProcessor& processor) {
  const auto image = ResizeAndCrop(TestImage(width, height), processor);
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? std::vector<int32_t>{image->height, image->width} : std::vector<int32_t>{};
}

TEST(ImageProcessorTest, EachRuleHasItsSizes) {
  using Size = std::vector<int32_t>;
  EXPECT_EQ(SizeOf(30, 20, With(ResizeRule::kNone, 0, 0)), Size({20, 30}));
  EXPECT_EQ(SizeOf(30, 20, With(ResizeRule::kExact, 7, 9)), Size({7, 9}));
  EXPECT_EQ(SizeOf(100, 83, With(ResizeRule::kShortestEdge, 72, 72)), Size({72, 86}));  // 86.7
  EXPECT_EQ(SizeOf(83, 100, With(ResizeRule::kShortestEdge, 72, 72)), Size({86, 72}));
  EXPECT_EQ(SizeOf(40, 20, With(ResizeRule::kLongestEdge, 30, 50)), Size({25, 50}));
  EXPECT_EQ(SizeOf(40, 20, With(ResizeRule::kLongestEdge, 20, 50)), Size({20, 40}));
  EXPECT_EQ(SizeOf(40, 20, With(ResizeRule::kCover, 30, 30)), Size({30, 60}));
  EXPECT_EQ(SizeOf(40, 20, With(ResizeRule::kFit, 30, 30)), Size({15, 30}));
}

TEST(ImageProcessorTest, TheCropsOfTheTwoLibrariesDifferByTheOddPixel) {
  const RgbImage image = TestImage(64, 7);  // the second row's green is 255 · 1 / 6, and so on
  const auto first_row = [&](CropAnchor anchor, int32_t crop_height) {
    ImageProcessor processor = With(ResizeRule::kNone, 0, 0);
    processor.crop = true;
    processor.crop_height = crop_height;
    processor.crop_width = 64;
    processor.anchor = anchor;
    const auto cropped = ResizeAndCrop(image, processor);
    return std::lround(6.0 * cropped->pixels[1] / 255);
  };
  EXPECT_EQ(first_row(CropAnchor::kFloor, 4), 1);          // 1.5
  EXPECT_EQ(first_row(CropAnchor::kRoundHalfEven, 4), 2);  // 1.5 goes to 2
  EXPECT_EQ(first_row(CropAnchor::kRoundHalfEven, 2), 2);  // 2.5 goes to 2
  EXPECT_EQ(first_row(CropAnchor::kRoundHalfEven, 6), 0);  // 0.5 goes to 0
}

TEST(ImageProcessorTest, ASmallImageIsPaddedAllAround) {
  ImageProcessor processor = With(ResizeRule::kNone, 0, 0);
  processor.crop = true;
  processor.crop_height = 4;
  processor.crop_width = 2;
  processor.fill = {1, 2, 3};
  const RgbImage image{3, 1, {10, 10, 10, 20, 20, 20, 30, 30, 30}};
  const auto cropped = ResizeAndCrop(image, processor);
  ASSERT_TRUE(cropped.ok());
  const std::vector<uint8_t> expected = {1, 2, 3, 1, 2, 3, 10, 10, 10, 20, 20, 20,
                                         1, 2, 3, 1, 2, 3, 1,  2,  3,  1,  2,  3};
  EXPECT_EQ(cropped->pixels, expected);
}

TEST(ImageProcessorTest, RefusesSizesThatCannotBe) {
  EXPECT_EQ(ResizeAndCrop(TestImage(2000, 1), With(ResizeRule::kFit, 10, 10)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      ResizeAndCrop(TestImage(3000, 1), With(ResizeRule::kShortestEdge, 200, 200)).status().code(),
      absl::StatusCode::kResourceExhausted);
  ImageProcessor crop = With(ResizeRule::kNone, 0, 0);
  crop.crop = true;
  crop.crop_height = crop.crop_width = 1 << 24;
  EXPECT_EQ(ResizeAndCrop(TestImage(2, 2), crop).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(ImageProcessorTest, NormalizesIntoPlanes) {
  const RgbImage image{2, 1, {0, 128, 255, 10, 20, 30}};
  for (ScaleRule rule : {ScaleRule::kFused, ScaleRule::kMultiply, ScaleRule::kDivideBy255}) {
    ImageProcessor processor;
    processor.scale_rule = rule;
    std::vector<float> planes(6);
    Normalize(image, processor, planes.data());
    const int values[] = {0, 10, 128, 20, 255, 30};
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(planes[i], (values[i] / 255.0 - processor.mean[i / 2]) / processor.std[i / 2],
                  1e-6);
    }
  }
  ImageProcessor raw;
  raw.rescale = raw.normalize = false;
  std::vector<float> planes(6);
  Normalize(image, raw, planes.data());
  EXPECT_EQ(planes, std::vector<float>({0, 10, 128, 20, 255, 30}));
}

// The definition in plain doubles: columns, rounding to 8 bits, rows, rounding.
RgbImage ResizeByDefinition(const RgbImage& image, int32_t width, int32_t height) {
  const auto cubic = [](double x) {
    x = std::abs(x);
    if (x < 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
    return x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0.0;
  };
  const auto axis = [&](const RgbImage& in, int32_t size, bool columns) {
    const int32_t source = columns ? in.width : in.height;
    RgbImage out = columns ? RgbImage::OfSize(size, in.height) : RgbImage::OfSize(in.width, size);
    const double scale = static_cast<double>(source) / size, stretch = std::max(1.0, scale);
    for (int32_t y = 0; y < out.height; ++y) {
      for (int32_t x = 0; x < out.width; ++x) {
        const double centre = ((columns ? x : y) + 0.5) * scale;
        double sums[3] = {}, total = 0;
        for (int32_t s = 0; s < source; ++s) {
          if (s < std::floor(centre - 2 * stretch + 0.5)) continue;
          if (s >= std::floor(centre + 2 * stretch + 0.5)) break;
          const double weight = cubic((s + 0.5 - centre) / stretch);
          total += weight;
          const uint8_t* pixel = in.row(columns ? y : s) + 3 * (columns ? s : x);
          for (int c = 0; c < 3; ++c) sums[c] += weight * pixel[c];
        }
        for (int c = 0; c < 3; ++c) {
          out.row(y)[3 * x + c] =
              static_cast<uint8_t>(std::clamp(std::round(sums[c] / total), 0.0, 255.0));
        }
      }
    }
    return out;
  };
  return axis(axis(image, width, true), height, false);
}

TEST(ImageResizeTest, BothArithmeticsFollowTheDefinition) {
  const RgbImage image = TestImage(61, 43);
  for (const auto& [width, height] : {std::pair(20, 30), {100, 90}, {61, 12}, {9, 43}, {1, 1}}) {
    const RgbImage expected = ResizeByDefinition(image, width, height);
    for (ResampleArithmetic arithmetic :
         {ResampleArithmetic::kPillow, ResampleArithmetic::kTorchvision}) {
      const auto resized = Resize(image, width, height, ResampleFilter::kBicubic, arithmetic);
      ASSERT_TRUE(resized.ok());
      int largest = 0;
      for (size_t i = 0; i < expected.pixels.size(); ++i) {
        largest = std::max(largest, std::abs(resized->pixels[i] - expected.pixels[i]));
      }
      EXPECT_LE(largest, 1) << width << " x " << height;
    }
  }
}

TEST(ImageResizeTest, PillowTakesRowsFirstWhereThatSavesMost) {
  // One bright row of two: after the columns it is cut off at 255, after the rows it is not.
  RgbImage image = RgbImage::OfSize(4, 40);
  for (int32_t y = 0; y < 40; y += 2) image.row(y)[3] = 255;
  const auto resize = [&](ResampleArithmetic arithmetic) {
    return Resize(image, 9, 20, ResampleFilter::kBicubic, arithmetic)->pixels;
  };
  EXPECT_NE(resize(ResampleArithmetic::kPillow), resize(ResampleArithmetic::kTorchvision));
}

TEST(ImageResizeTest, WhatTorchvisionLacksIsSaid) {
  EXPECT_EQ(Resize(TestImage(4, 4), 2, 2, ResampleFilter::kBox, ResampleArithmetic::kTorchvision)
                .status()
                .code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(Resize({}, 2, 2, ResampleFilter::kBox, ResampleArithmetic::kPillow).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace strata::models
