#include "models/media/image_test_files.h"

#include <gif_lib.h>
#include <png.h>
#include <webp/encode.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

// Behind cstdio, which it needs.
#include <jpeglib.h>

namespace strata::models {
namespace {

// Numbers in a file's byte order.
class ByteWriter {
 public:
  explicit ByteWriter(bool big_endian) : big_endian_(big_endian) {}
  ByteWriter& Number(uint32_t value, int num_bytes) {
    for (int i = 0; i < num_bytes; ++i) {
      const int shift = 8 * (big_endian_ ? num_bytes - 1 - i : i);
      bytes_ += static_cast<char>(value >> shift & 0xFF);
    }
    return *this;
  }
  // A directory entry of one value; a short value stands at the front of its four bytes.
  ByteWriter& Entry(uint32_t tag, uint32_t type, uint32_t count, uint32_t value) {
    Number(tag, 2).Number(type, 2).Number(count, 4);
    return type == 3 && count == 1 ? Number(value, 2).Number(0, 2) : Number(value, 4);
  }
  std::string& bytes() { return bytes_; }

 private:
  const bool big_endian_;
  std::string bytes_;
};

}  // namespace

RgbImage TestImage(int32_t width, int32_t height) {
  RgbImage image = RgbImage::OfSize(width, height);
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      uint8_t* const pixel = image.row(y) + size_t{3} * x;
      pixel[0] = static_cast<uint8_t>(255 * x / std::max(1, width - 1));
      pixel[1] = static_cast<uint8_t>(255 * y / std::max(1, height - 1));
      pixel[2] = static_cast<uint8_t>((7 * x + 13 * y) % 256);
    }
  }
  return image;
}

Samples ToSamples(const RgbImage& image) { return {image.width, image.height, 3, image.pixels}; }

std::string Exif(int orientation, bool big_endian) {
  ByteWriter exif(big_endian);
  exif.bytes() = big_endian ? "MM" : "II";
  exif.Number(42, 2).Number(8, 4).Number(2, 2);
  exif.Entry(0x010F, 2, 4, 0).Entry(0x0112, 3, 1, static_cast<uint32_t>(orientation));
  return exif.Number(0, 4).bytes();
}

std::string PngFile(const Samples& samples, std::string_view exif, int bits, bool interlaced) {
  constexpr int kColorTypes[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                 PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp writer, png_bytep data, size_t count) {
        static_cast<std::string*>(png_get_io_ptr(writer))
            ->append(reinterpret_cast<const char*>(data), count);
      },
      [](png_structp) {});
  png_set_IHDR(png, info, static_cast<png_uint_32>(samples.width),
               static_cast<png_uint_32>(samples.height), bits, kColorTypes[samples.channels],
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  std::string exif_copy(exif);
  if (!exif.empty()) {
    png_set_eXIf_1(png, info, static_cast<png_uint_32>(exif_copy.size()),
                   reinterpret_cast<png_bytep>(exif_copy.data()));
  }
  png_write_info(png, info);
  std::vector<uint8_t> values;
  for (uint8_t value : samples.values) {
    values.push_back(value);
    if (bits == 16) values.push_back(7);
  }
  const size_t stride = values.size() / static_cast<size_t>(samples.height);
  std::vector<png_bytep> rows;
  for (int32_t y = 0; y < samples.height; ++y) rows.push_back(values.data() + stride * y);
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

std::string JpegFile(const Samples& samples, int quality, std::string_view exif, bool progressive) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = static_cast<JDIMENSION>(samples.width);
  info.image_height = static_cast<JDIMENSION>(samples.height);
  info.input_components = samples.channels;
  info.in_color_space = samples.channels == 1   ? JCS_GRAYSCALE
                        : samples.channels == 3 ? JCS_RGB
                                                : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  for (int c = 0; c < info.num_components; ++c) {
    info.comp_info[c].h_samp_factor = info.comp_info[c].v_samp_factor = 1;
  }
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  if (!exif.empty()) {
    const std::string block = std::string("Exif\0\0", 6) + std::string(exif);
    jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(block.data()),
                      static_cast<unsigned int>(block.size()));
  }
  std::vector<uint8_t> values = samples.values;
  const size_t stride = values.size() / static_cast<size_t>(samples.height);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = values.data() + stride * info.next_scanline;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string file(reinterpret_cast<const char*>(data), size);
  jpeg_destroy_compress(&info);
  std::free(data);
  return file;
}

std::string WebpFile(const RgbImage& image) {
  uint8_t* data = nullptr;
  const size_t size = WebPEncodeLosslessRGB(image.pixels.data(), image.width, image.height,
                                            static_cast<int>(image.row_bytes()), &data);
  std::string file(reinterpret_cast<const char*>(data), size);
  WebPFree(data);
  return file;
}

std::string GifFile(const RgbImage& image) {
  std::string bytes;
  int error = 0;
  GifFileType* const gif = EGifOpen(
      &bytes,
      [](GifFileType* file, const GifByteType* data, int count) {
        static_cast<std::string*>(file->UserData)
            ->append(reinterpret_cast<const char*>(data), static_cast<size_t>(count));
        return count;
      },
      &error);
  GifColorType colors[256];
  for (int i = 0; i < 256; ++i) {
    colors[i] = {static_cast<GifByteType>((i & 15) * 17), static_cast<GifByteType>((i >> 4) * 17),
                 80};
  }
  ColorMapObject* const map = GifMakeMapObject(256, colors);
  EGifPutScreenDesc(gif, image.width, image.height, 8, 0, map);
  EGifPutImageDesc(gif, 0, 0, image.width, image.height, false, nullptr);
  for (int32_t y = 0; y < image.height; ++y) {
    std::vector<GifPixelType> line;
    for (int32_t x = 0; x < image.width; ++x) {
      const uint8_t* const pixel = image.row(y) + size_t{3} * x;
      line.push_back(static_cast<GifPixelType>(pixel[0] / 17 | pixel[1] / 17 << 4));
    }
    EGifPutLine(gif, line.data(), image.width);
  }
  GifFreeMapObject(map);
  EGifCloseFile(gif, &error);
  return bytes;
}

std::string TiffFile(const Samples& samples, const TiffOptions& options) {
  ByteWriter file(options.big_endian);
  const auto channels = static_cast<uint32_t>(samples.channels);
  const auto sample_bytes = static_cast<uint32_t>(options.bits / 8);
  const auto pixels = static_cast<uint32_t>(samples.width * samples.height);
  const uint32_t strips = options.planar ? channels : 1;
  const uint32_t strip_bytes = pixels * sample_bytes * channels / strips;
  const uint32_t num_entries = 12, directory = 8, lists = directory + 2 + 12 * num_entries + 4;
  const uint32_t bits_at = lists, offsets_at = bits_at + 2 * channels,
                 counts_at = offsets_at + 4 * strips, data_at = counts_at + 4 * strips;
  file.bytes() = options.big_endian ? "MM" : "II";
  file.Number(42, 2).Number(directory, 4).Number(num_entries, 2);
  const auto width = static_cast<uint32_t>(samples.width);
  const auto height = static_cast<uint32_t>(samples.height);
  const auto bits = static_cast<uint32_t>(options.bits);
  file.Entry(256, 4, 1, width).Entry(257, 4, 1, height);
  file.Entry(258, 3, channels, channels == 1 ? bits : bits_at);
  file.Entry(259, 3, 1, 1).Entry(262, 3, 1, static_cast<uint32_t>(options.photometric));
  file.Entry(273, 4, strips, strips == 1 ? data_at : offsets_at);
  file.Entry(274, 3, 1, static_cast<uint32_t>(options.orientation));
  file.Entry(277, 3, 1, channels).Entry(278, 4, 1, height);
  file.Entry(279, 4, strips, strips == 1 ? strip_bytes : counts_at);
  file.Entry(284, 3, 1, options.planar ? 2 : 1);
  file.Entry(339, 3, 1, static_cast<uint32_t>(options.sample_format)).Number(0, 4);
  for (uint32_t c = 0; c < channels; ++c) file.Number(bits, 2);
  for (uint32_t s = 0; s < strips; ++s) file.Number(data_at + s * strip_bytes, 4);
  for (uint32_t s = 0; s < strips; ++s) file.Number(strip_bytes, 4);
  for (uint32_t i = 0; i < pixels * channels; ++i) {
    const uint32_t at = options.planar ? i % pixels * channels + i / pixels : i;
    const uint32_t value = samples.values[at];
    file.Number(options.bits == 16 ? value * 256 + 7 : value, static_cast<int>(sample_bytes));
  }
  return file.bytes();
}

}  // namespace strata::models
