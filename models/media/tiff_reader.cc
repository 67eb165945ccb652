// TIFF through libtiff: the first page. Grey, RGB, palette and CMYK of 8 or 16 bits are read sample
// by sample, so that alpha and depth are treated as in the other formats; everything else that
// libtiff can show (bilevel, 2 and 4 bits, YCbCr, Lab) goes through its RGBA interface.
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/media/image_format_readers.h"

namespace strata::models {
namespace {

constexpr int kMaxSamples = 8;
constexpr tmsize_t kMaxTileBytes = tmsize_t{64} << 20;
constexpr tmsize_t kMaxLibraryAllocation = tmsize_t{1} << 30;

// The file's bytes as libtiff's callbacks see them, and its first complaint.
struct Source {
  std::string_view bytes;
  uint64_t position = 0;
  char message[200] = "";
};

Source& SourceOf(thandle_t handle) { return *static_cast<Source*>(handle); }

tmsize_t OnRead(thandle_t handle, void* out, tmsize_t count) {
  Source& source = SourceOf(handle);
  const uint64_t left =
      source.bytes.size() - std::min<uint64_t>(source.position, source.bytes.size());
  const auto taken = static_cast<size_t>(std::min<uint64_t>(left, static_cast<uint64_t>(count)));
  if (taken > 0) std::memcpy(out, source.bytes.data() + source.position, taken);
  source.position += taken;
  return static_cast<tmsize_t>(taken);
}

tmsize_t OnWrite(thandle_t, void*, tmsize_t) { return 0; }

toff_t OnSeek(thandle_t handle, toff_t offset, int whence) {
  Source& source = SourceOf(handle);
  uint64_t base = 0;
  if (whence == SEEK_CUR) base = source.position;
  if (whence == SEEK_END) base = source.bytes.size();
  source.position = base + offset;
  return source.position;
}

int OnClose(thandle_t) { return 0; }
toff_t OnSize(thandle_t handle) { return SourceOf(handle).bytes.size(); }

int OnMap(thandle_t handle, void** base, toff_t* size) {
  *base = const_cast<char*>(SourceOf(handle).bytes.data());
  *size = SourceOf(handle).bytes.size();
  return 1;
}
void OnUnmap(thandle_t, void*, toff_t) {}

int OnError(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  Source& source = *static_cast<Source*>(user);
  if (source.message[0] == 0) {
    std::vsnprintf(source.message, sizeof source.message, format, arguments);
  }
  return 1;
}
int OnWarning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct TiffCloser {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffPointer = std::unique_ptr<TIFF, TiffCloser>;

TiffPointer Open(Source& source) {
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMaxLibraryAllocation);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), OnError, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), OnWarning, nullptr);
  return TiffPointer(TIFFClientOpenExt("image", "r", &source, OnRead, OnWrite, OnSeek, OnClose,
                                       OnSize, OnMap, OnUnmap, options.get()));
}

absl::Status Damaged(const Source& source) {
  return absl::InvalidArgumentError(
      absl::StrCat("it is damaged or cut off (", source.message, ")"));
}

struct Layout {
  uint32_t width = 0, height = 0;
  uint16_t bits = 1, samples = 1, photometric = 0, planar = PLANARCONFIG_CONTIG;
  uint16_t sample_format = SAMPLEFORMAT_UINT, orientation = ORIENTATION_TOPLEFT;
  bool alpha_multiplied = false;  // colours were multiplied by alpha, the sample behind them
  int num_colors = 0;             // samples that are read one by one; 0: the RGBA interface reads
};

Layout ReadLayout(TIFF* tiff) {
  Layout layout;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout.height);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &layout.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout.samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &layout.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &layout.sample_format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &layout.orientation);
  if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout.photometric) == 0) {
    layout.photometric = layout.samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
  }
  int colors = 0;
  if (layout.photometric == PHOTOMETRIC_MINISBLACK || layout.photometric == PHOTOMETRIC_MINISWHITE)
    colors = 1;
  if (layout.photometric == PHOTOMETRIC_PALETTE && layout.bits == 8) colors = 1;
  if (layout.photometric == PHOTOMETRIC_RGB) colors = 3;
  if (layout.photometric == PHOTOMETRIC_SEPARATED) colors = 4;
  uint16_t num_extra = 0;
  uint16_t* extra = nullptr;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &num_extra, &extra);
  layout.alpha_multiplied =
      colors == 3 && layout.samples > 3 && num_extra > 0 && extra[0] == EXTRASAMPLE_ASSOCALPHA;
  if (layout.alpha_multiplied) colors = 4;
  if ((layout.bits == 8 || layout.bits == 16) && colors <= layout.samples) {
    layout.num_colors = colors;
  }
  return layout;
}

// Copies one strip or tile into channel `plane` (separate planes) or all channels of [H, W, C].
struct BlockCopy {
  const Layout& layout;
  std::vector<uint8_t>& out;

  void operator()(const uint8_t* block, int64_t block_width, int64_t x0, int64_t y0, int64_t rows,
                  int plane) const {
    const bool separate = layout.planar == PLANARCONFIG_SEPARATE;
    const int64_t channels = layout.num_colors, stored = separate ? 1 : layout.samples;
    const int64_t sample_bytes = layout.bits / 8;
    const int64_t columns = std::min<int64_t>(block_width, layout.width - x0);
    for (int64_t y = 0; y < std::min<int64_t>(rows, layout.height - y0); ++y) {
      const uint8_t* in = block + y * block_width * stored * sample_bytes;
      uint8_t* to = out.data() + ((y0 + y) * layout.width + x0) * channels;
      for (int64_t x = 0; x < columns; ++x, in += stored * sample_bytes, to += channels) {
        for (int64_t c = 0; c < (separate ? 1 : channels); ++c) {
          to[separate ? plane : c] = High(in + c * sample_bytes, sample_bytes);
        }
      }
    }
  }

 private:
  static uint8_t High(const uint8_t* sample, int64_t sample_bytes) {
    if (sample_bytes == 1) return *sample;
    uint16_t value = 0;  // libtiff gives this machine's byte order
    std::memcpy(&value, sample, sizeof value);
    return static_cast<uint8_t>(value >> 8);
  }
};

// All colour samples, of 16 bits the high byte, as [H, W, num_colors].
absl::StatusOr<std::vector<uint8_t>> ReadSamples(TIFF* tiff, const Layout& layout,
                                                 const Source& source) {
  const int64_t width = layout.width, height = layout.height;
  std::vector<uint8_t> samples(static_cast<size_t>(width * height * layout.num_colors));
  const BlockCopy copy{layout, samples};
  const bool separate = layout.planar == PLANARCONFIG_SEPARATE;
  const int planes = separate ? layout.num_colors : 1;
  const bool tiled = TIFFIsTiled(tiff) != 0;
  uint32_t block_width = layout.width, block_rows = layout.height;
  if (tiled) {
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &block_width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &block_rows);
    if (TIFFTileSize(tiff) < 1 || TIFFTileSize(tiff) > kMaxTileBytes) {
      return absl::ResourceExhaustedError(absl::StrCat("a tile of ", block_width, " x ", block_rows,
                                                       " pixels; at most ", kMaxTileBytes,
                                                       " bytes are read at once"));
    }
  } else {
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &block_rows);
    block_rows = std::min(block_rows, layout.height);
  }
  if (block_width == 0 || block_rows == 0) return Damaged(source);
  const int64_t row_bytes =
      int64_t{block_width} * (separate ? 1 : layout.samples) * (layout.bits / 8);
  std::vector<uint8_t> block(static_cast<size_t>(row_bytes * block_rows));
  if (tiled && TIFFTileSize(tiff) != static_cast<tmsize_t>(block.size())) return Damaged(source);
  for (int plane = 0; plane < planes; ++plane) {
    for (int64_t y = 0; y < height; y += block_rows) {
      for (int64_t x = 0; x < width; x += block_width) {
        const int64_t rows = tiled ? block_rows : std::min<int64_t>(block_rows, height - y);
        const auto bytes = static_cast<tmsize_t>(row_bytes * rows);
        const auto sample = static_cast<uint16_t>(plane);
        const auto column = static_cast<uint32_t>(x), row = static_cast<uint32_t>(y);
        const tmsize_t read =
            tiled ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, column, row, 0, sample),
                                        block.data(), bytes)
                  : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, row, sample), block.data(),
                                         bytes);
        if (read < bytes) return Damaged(source);
        copy(block.data(), block_width, x, y, rows, plane);
      }
    }
  }
  return samples;
}

absl::StatusOr<RgbImage> ToRgb(TIFF* tiff, const Layout& layout, std::vector<uint8_t> samples) {
  RgbImage image;
  image.width = static_cast<int32_t>(layout.width);
  image.height = static_cast<int32_t>(layout.height);
  if (layout.num_colors == 3) {
    image.pixels = std::move(samples);
    return image;
  }
  uint16_t* maps[3] = {};
  if (layout.photometric == PHOTOMETRIC_PALETTE &&
      TIFFGetField(tiff, TIFFTAG_COLORMAP, &maps[0], &maps[1], &maps[2]) == 0) {
    return absl::InvalidArgumentError("it has palette indices but no palette");
  }
  image = RgbImage::OfSize(image.width, image.height);
  uint8_t* out = image.pixels.data();
  const auto channels = static_cast<size_t>(layout.num_colors);
  for (size_t i = 0; i < samples.size(); i += channels, out += 3) {
    const uint8_t* in = samples.data() + i;
    if (layout.alpha_multiplied) {
      const int alpha = in[3];
      for (int c = 0; c < 3; ++c) {
        const int color = alpha == 0 ? in[c] : std::min(255, 255 * in[c] / alpha);
        out[c] = static_cast<uint8_t>(color);
      }
    } else if (channels == 4) {
      CmykToRgb(in, out);
    } else if (maps[0] != nullptr) {
      for (int c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(maps[c][*in] >> 8);
    } else {
      const bool inverted = layout.photometric == PHOTOMETRIC_MINISWHITE;
      std::memset(out, inverted ? 255 - *in : *in, 3);
    }
  }
  return image;
}

absl::StatusOr<RgbImage> ReadThroughRgba(TIFF* tiff, const Layout& layout, Source& source) {
  char refusal[1024] = "";
  TIFFRGBAImage rgba;
  if (TIFFRGBAImageOK(tiff, refusal) == 0 || TIFFRGBAImageBegin(&rgba, tiff, 1, refusal) == 0) {
    if (refusal[0] == 0) return Damaged(source);
    return absl::UnimplementedError(absl::StrCat("this kind is not read (", refusal, ")"));
  }
  const std::unique_ptr<TIFFRGBAImage, void (*)(TIFFRGBAImage*)> end(&rgba, TIFFRGBAImageEnd);
  rgba.req_orientation = rgba.orientation;  // rows as stored
  std::vector<uint32_t> raster(size_t{layout.width} * layout.height);
  if (TIFFRGBAImageGet(&rgba, raster.data(), layout.width, layout.height) == 0) {
    return Damaged(source);
  }
  RgbImage image =
      RgbImage::OfSize(static_cast<int32_t>(layout.width), static_cast<int32_t>(layout.height));
  uint8_t* out = image.pixels.data();
  for (uint32_t pixel : raster) {
    *out++ = static_cast<uint8_t>(TIFFGetR(pixel));
    *out++ = static_cast<uint8_t>(TIFFGetG(pixel));
    *out++ = static_cast<uint8_t>(TIFFGetB(pixel));
  }
  return image;
}

}  // namespace

absl::StatusOr<DecodedImage> ReadTiff(std::string_view bytes, const ImageLimits& limits) {
  Source source{bytes};
  const TiffPointer tiff = Open(source);
  if (tiff == nullptr) return Damaged(source);
  const Layout layout = ReadLayout(tiff.get());
  if (absl::Status status = CheckImageSize(layout.width, layout.height, limits); !status.ok()) {
    return status;
  }
  if (layout.samples > kMaxSamples) {
    return absl::UnimplementedError(
        absl::StrCat(layout.samples, " samples a pixel; at most ", kMaxSamples, " are read"));
  }
  if (layout.sample_format != SAMPLEFORMAT_UINT && layout.sample_format != SAMPLEFORMAT_VOID) {
    return absl::UnimplementedError("its samples are signed or floating point numbers");
  }
  absl::StatusOr<RgbImage> image = absl::InternalError("");
  if (layout.num_colors > 0) {
    auto samples = ReadSamples(tiff.get(), layout, source);
    if (!samples.ok()) return samples.status();
    image = ToRgb(tiff.get(), layout, *std::move(samples));
  } else {
    image = ReadThroughRgba(tiff.get(), layout, source);
  }
  if (!image.ok()) return image.status();
  return DecodedImage{*std::move(image), layout.orientation};
}

}  // namespace strata::models
