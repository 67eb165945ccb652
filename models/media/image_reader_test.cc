// Every format and kind of pixel, read back from files that the test writes.
#include "models/media/image_reader.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "models/media/image_test_files.h"

namespace strata::models {
namespace {

RgbImage MustRead(const std::string& file, bool apply_orientation = true) {
  auto image = ReadImage(file, {.apply_orientation = apply_orientation});
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? *std::move(image) : RgbImage{};
}

int LargestDifference(const RgbImage& a, const RgbImage& b) {
  if (a.width != b.width || a.height != b.height) return 256;
  int largest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  }
  return largest;
}

// The samples of some channels, spread over RGB as a reader should.
Samples Channels(const RgbImage& image, int channels) {
  Samples samples{image.width, image.height, channels, {}};
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    for (int c = 0; c < channels; ++c) {
      samples.values.push_back(c < 3 ? image.pixels[i + static_cast<size_t>(c)] : uint8_t{99});
    }
  }
  return samples;
}

RgbImage Grey(const RgbImage& image) {
  RgbImage grey = image;
  for (size_t i = 0; i < grey.pixels.size(); ++i) grey.pixels[i] = image.pixels[i / 3 * 3];
  return grey;
}

TEST(ImageReaderTest, KnowsAFormatByItsFirstBytesOnly) {
  const RgbImage image = TestImage(9, 5);
  EXPECT_EQ(DetectImageFormat(PngFile(ToSamples(image))), ImageFormat::kPng);
  EXPECT_EQ(DetectImageFormat(JpegFile(ToSamples(image))), ImageFormat::kJpeg);
  EXPECT_EQ(DetectImageFormat(WebpFile(image)), ImageFormat::kWebp);
  EXPECT_EQ(DetectImageFormat(GifFile(image)), ImageFormat::kGif);
  EXPECT_EQ(DetectImageFormat(TiffFile(ToSamples(image))), ImageFormat::kTiff);
  EXPECT_EQ(DetectImageFormat(TiffFile(ToSamples(image), {.big_endian = true})),
            ImageFormat::kTiff);
  EXPECT_EQ(DetectImageFormat("RIFF....WAVEfmt "), std::nullopt);
  EXPECT_EQ(DetectImageFormat(""), std::nullopt);
  EXPECT_EQ(MustRead(PngFile(ToSamples(image))).pixels, image.pixels);
}

TEST(ImageReaderTest, PngOfEveryDepthKeepsTheHighByteAndDropsAlpha) {
  const RgbImage image = TestImage(37, 23);
  for (int bits : {8, 16}) {
    for (bool interlaced : {false, true}) {
      EXPECT_EQ(MustRead(PngFile(Channels(image, 3), {}, bits, interlaced)).pixels, image.pixels);
      EXPECT_EQ(MustRead(PngFile(Channels(image, 4), {}, bits, interlaced)).pixels, image.pixels);
      const RgbImage grey = Grey(image);
      EXPECT_EQ(MustRead(PngFile(Channels(image, 1), {}, bits, interlaced)).pixels, grey.pixels);
      EXPECT_EQ(MustRead(PngFile(Channels(image, 2), {}, bits, interlaced)).pixels, grey.pixels);
    }
  }
}

TEST(ImageReaderTest, JpegInColourGreyAndCmyk) {
  const RgbImage image = TestImage(64, 48);
  EXPECT_LE(LargestDifference(MustRead(JpegFile(Channels(Grey(image), 1))), Grey(image)), 12);
  for (bool progressive : {false, true}) {
    RgbImage smooth = image;
    for (size_t i = 2; i < smooth.pixels.size(); i += 3) smooth.pixels[i] = 128;
    const RgbImage read = MustRead(JpegFile(ToSamples(smooth), 98, {}, progressive));
    EXPECT_LE(LargestDifference(read, smooth), 8) << progressive;
  }
  // Inverted CMYK, as Adobe writes it, with no black: the stored values are red, green and blue.
  Samples cmyk{16, 16, 4, {}};
  for (int i = 0; i < 256; ++i) cmyk.values.insert(cmyk.values.end(), {200, 120, 40, 255});
  const RgbImage read = MustRead(JpegFile(cmyk, 100));
  EXPECT_NEAR(read.pixels[0], 200, 2);
  EXPECT_NEAR(read.pixels[1], 120, 2);
  EXPECT_NEAR(read.pixels[2], 40, 2);
}

TEST(ImageReaderTest, WebpAndGifGiveTheirPixels) {
  const RgbImage image = TestImage(41, 30);
  EXPECT_EQ(MustRead(WebpFile(image)).pixels, image.pixels);
  const RgbImage read = MustRead(GifFile(image));
  ASSERT_EQ(read.pixels.size(), image.pixels.size());
  for (size_t i = 0; i < read.pixels.size(); i += 3) {
    EXPECT_EQ(read.pixels[i], image.pixels[i] / 17 * 17);
    EXPECT_EQ(read.pixels[i + 1], image.pixels[i + 1] / 17 * 17);
    EXPECT_EQ(read.pixels[i + 2], 80);
  }
}

TEST(ImageReaderTest, TiffOfEitherByteOrderLayoutAndDepth) {
  const RgbImage image = TestImage(19, 31);
  for (bool big_endian : {false, true}) {
    for (bool planar : {false, true}) {
      for (int bits : {8, 16}) {
        const TiffOptions rgb{big_endian, planar, bits};
        EXPECT_EQ(MustRead(TiffFile(Channels(image, 3), rgb)).pixels, image.pixels);
        EXPECT_EQ(MustRead(TiffFile(Channels(image, 4), rgb)).pixels, image.pixels);
        const TiffOptions black_is_zero{big_endian, planar, bits, 1};
        EXPECT_EQ(MustRead(TiffFile(Channels(image, 1), black_is_zero)).pixels, Grey(image).pixels);
      }
    }
  }
  RgbImage inverted = Grey(image);
  for (uint8_t& value : inverted.pixels) value = static_cast<uint8_t>(255 - value);
  EXPECT_EQ(MustRead(TiffFile(Channels(image, 1), {.photometric = 0})).pixels, inverted.pixels);
  // CMYK: cyan takes red away, black takes all away.
  const Samples cmyk{2, 1, 4, {255, 0, 0, 0, 10, 20, 30, 255}};
  const std::vector<uint8_t> expected = {0, 255, 255, 0, 0, 0};
  EXPECT_EQ(MustRead(TiffFile(cmyk, {.photometric = 5})).pixels, expected);
}

TEST(ImageReaderTest, TurnsByTheOrientationOfTheFile) {
  // Two colours in a row, black below.
  const RgbImage image{2, 2, {255, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0}};
  // Where red and green lie when all is turned right, as (x, y).
  struct Place {
    int red_x, red_y, green_x, green_y;
  };
  constexpr Place kPlaces[] = {{0, 0, 1, 0}, {0, 0, 1, 0}, {1, 0, 0, 0}, {1, 1, 0, 1},
                               {0, 1, 1, 1}, {0, 0, 0, 1}, {1, 0, 1, 1}, {1, 1, 1, 0},
                               {0, 1, 0, 0}, {0, 0, 1, 0}};
  for (int orientation = 0; orientation < 10; ++orientation) {
    const auto check = [&](const std::string& file, const char* what) {
      const RgbImage read = MustRead(file);
      const Place& place = kPlaces[orientation];
      EXPECT_EQ(read.row(place.red_y)[3 * place.red_x], 255) << what << orientation;
      EXPECT_EQ(read.row(place.green_y)[3 * place.green_x + 1], 255) << what << orientation;
    };
    for (bool big_endian : {false, true}) {
      check(PngFile(ToSamples(image), Exif(orientation, big_endian)), "png ");
    }
    if (orientation > 0 && orientation < 9) {
      check(TiffFile(ToSamples(image), {.orientation = orientation}), "tiff ");
    }
  }
  const std::string turned = PngFile(ToSamples(image), Exif(3, false));
  EXPECT_EQ(MustRead(turned, /*apply_orientation=*/false).pixels, image.pixels);
}

TEST(ImageReaderTest, JpegCarriesItsOrientationInExif) {
  const RgbImage image = TestImage(40, 16);
  const RgbImage read = MustRead(JpegFile(ToSamples(image), 95, Exif(6, true)));
  EXPECT_EQ(read.width, 16);
  EXPECT_EQ(read.height, 40);
}

}  // namespace
}  // namespace strata::models
