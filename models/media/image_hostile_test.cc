// Files that lie, end early or are damaged: always an error or an image, never anything else.
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "models/media/image_reader.h"
#include "models/media/image_test_files.h"

namespace strata::models {
namespace {

struct Sample {
  const char* name;
  std::string file;
};

std::vector<Sample> SampleFiles() {
  const RgbImage image = TestImage(33, 21);
  Samples cmyk{8, 8, 4, std::vector<uint8_t>(256, 77)};
  return {{"PNG", PngFile(ToSamples(image), Exif(6, false))},
          {"interlaced PNG", PngFile(ToSamples(image), {}, 16, true)},
          {"JPEG", JpegFile(ToSamples(image), 90, Exif(8, true))},
          {"progressive JPEG", JpegFile(ToSamples(image), 90, {}, true)},
          {"CMYK JPEG", JpegFile(cmyk)},
          {"WebP", WebpFile(image)},
          {"GIF", GifFile(image)},
          {"TIFF", TiffFile(ToSamples(image))},
          {"planar TIFF", TiffFile(ToSamples(image), {.big_endian = true, .planar = true})}};
}

TEST(ImageHostileTest, ABombIsRefusedByItsHeader) {
  std::string bomb = PngFile(ToSamples(TestImage(1, 1)));
  // Width and height of IHDR, and its checksum, as an honest 60,000 x 60,000 file has them.
  const auto put = [&](size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bomb[at + i] = static_cast<char>(value >> (24 - 8 * i) & 0xFF);
  };
  put(16, 60'000);
  put(20, 60'000);
  uint32_t crc = 0xFFFFFFFF;
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<uint8_t>(bomb[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  put(29, ~crc);
  const auto image = ReadImage(bomb, {.name = "photo.png"});
  EXPECT_EQ(image.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(image.status().message(),
            "photo.png: PNG: 60000 x 60000 = 3600000000 pixels, the limit is 100000000");
}

TEST(ImageHostileTest, LimitsAreTheCallers) {
  const std::string file = PngFile(ToSamples(TestImage(20, 10)));
  EXPECT_TRUE(ReadImage(file, {.limits = {.max_pixels = 200, .max_side = 20}}).ok());
  for (const ImageLimits& limits :
       {ImageLimits{.max_pixels = 199}, ImageLimits{.max_side = 19},
        ImageLimits{.max_source_bytes = static_cast<int64_t>(file.size()) - 1}}) {
    EXPECT_EQ(ReadImage(file, {.limits = limits}).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
}

TEST(ImageHostileTest, WhatIsNoImageIsNamedSo) {
  for (const char* bytes :
       {"", "<html></html>", "RIFF\x10\0\0\0WAVEfmt ", "%PDF-1.7", "\xFF\xD8"}) {
    const auto image = ReadImage(bytes, {.name = "photo.jpg"});
    EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument) << bytes;
    EXPECT_NE(image.status().message().find("photo.jpg: "), absl::string_view::npos);
  }
  EXPECT_EQ(ReadImage("<html></html>").status().message(),
            "image: not a JPEG, PNG, WebP, TIFF or GIF file: it begins with \"<html></\"");
}

TEST(ImageHostileTest, AFileThatEndsEarlyIsAnError) {
  for (const Sample& sample : SampleFiles()) {
    ASSERT_TRUE(ReadImage(sample.file).ok()) << sample.name << ReadImage(sample.file).status();
    // What no reader needs: the end markers of JPEG and GIF.
    const size_t needed = sample.file.size() - 2;
    for (size_t size = 0; size < needed; ++size) {
      const auto image = ReadImage(std::string_view(sample.file).substr(0, size));
      EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument)
          << sample.name << " cut to " << size << " of " << sample.file.size()
          << " bytes: " << image.status();
    }
  }
}

TEST(ImageHostileTest, APngNoticesEveryFlippedBit) {
  const std::string file = PngFile(ToSamples(TestImage(12, 9)));
  const auto whole = ReadImage(file);
  ASSERT_TRUE(whole.ok());
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    const auto image = ReadImage(damaged);
    // A chunk that became optional by the flip may be left out, if the pixels stay what they are.
    if (image.ok()) {
      EXPECT_EQ(image->pixels, whole->pixels) << "bit " << bit;
    }
  }
}

TEST(ImageHostileTest, MutantsGiveAnErrorOrAnImageOfTheSizeTheyClaim) {
  constexpr int kMutants = 1'500;
  std::mt19937 random(20240715);
  const ImageReadOptions options{.limits = {.max_pixels = 1'000'000}};
  for (const Sample& sample : SampleFiles()) {
    int errors = 0;
    for (int i = 0; i < kMutants; ++i) {
      std::string mutant = sample.file;
      for (int change = 0; change < 1 + static_cast<int>(random() % 4); ++change) {
        const size_t at = random() % mutant.size();
        switch (random() % 4) {
          case 0:
            mutant[at] = static_cast<char>(random());
            break;
          case 1:
            mutant[at] = static_cast<char>(random() % 2 == 0 ? 0 : 0xFF);
            break;
          case 2:
            mutant.erase(at, 1 + random() % 8);
            break;
          default:
            mutant = absl::StrCat(mutant.substr(0, at), mutant.substr(random() % mutant.size(), 8),
                                  mutant.substr(at));
        }
        if (mutant.empty()) mutant.push_back('x');
      }
      const auto image = ReadImage(mutant, options);
      if (image.ok()) {
        ASSERT_EQ(image->pixels.size(), image->row_bytes() * static_cast<size_t>(image->height));
      } else {
        ++errors;
        ASSERT_FALSE(image.status().message().empty());
      }
    }
    EXPECT_GT(errors, kMutants / 20) << sample.name;
  }
}

TEST(ImageHostileTest, UnknownKindsOfTiffSayWhichTheyAre) {
  const Samples grey{4, 4, 1, std::vector<uint8_t>(16, 1)};
  const auto image = ReadImage(TiffFile(grey, {.photometric = 1, .sample_format = 3}));
  EXPECT_EQ(image.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(image.status().message(),
            "image: TIFF: its samples are signed or floating point numbers");
}

}  // namespace
}  // namespace strata::models
