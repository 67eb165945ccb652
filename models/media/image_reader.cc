#include "models/media/image_reader.h"

#include <new>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "models/media/image_format_readers.h"
#include "models/media/image_orientation.h"

namespace strata::models {
namespace {

bool StartsWith(std::string_view bytes, std::string_view start) {
  return bytes.substr(0, start.size()) == start;
}

std::string NotAnImage(std::string_view bytes) {
  if (bytes.empty()) return "the file is empty";
  const std::string start(bytes.substr(0, 8));
  return absl::StrCat("not a JPEG, PNG, WebP, TIFF or GIF file: it begins with \"",
                      absl::CHexEscape(start), "\"");
}

absl::StatusOr<DecodedImage> Decode(ImageFormat format, std::string_view bytes,
                                    const ImageLimits& limits) {
  switch (format) {
    case ImageFormat::kJpeg:
      return ReadJpeg(bytes, limits);
    case ImageFormat::kPng:
      return ReadPng(bytes, limits);
    case ImageFormat::kWebp:
      return ReadWebp(bytes, limits);
    case ImageFormat::kTiff:
      return ReadTiff(bytes, limits);
    case ImageFormat::kGif:
      return ReadGif(bytes, limits);
  }
  return absl::InternalError("unknown image format");
}

}  // namespace

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
    case ImageFormat::kTiff:
      return "TIFF";
    case ImageFormat::kGif:
      return "GIF";
  }
  return "";
}

std::optional<ImageFormat> DetectImageFormat(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (StartsWith(bytes, "\xFF\xD8\xFF"sv)) return ImageFormat::kJpeg;
  if (StartsWith(bytes, "\x89PNG\r\n\x1A\n"sv)) return ImageFormat::kPng;
  if (StartsWith(bytes, "RIFF"sv) && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP"sv) {
    return ImageFormat::kWebp;
  }
  if (StartsWith(bytes, "GIF87a"sv) || StartsWith(bytes, "GIF89a"sv)) return ImageFormat::kGif;
  for (std::string_view start : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (StartsWith(bytes, start)) return ImageFormat::kTiff;
  }
  return std::nullopt;
}

absl::StatusOr<RgbImage> ReadImage(std::string_view bytes, const ImageReadOptions& options) {
  const std::string prefix = options.name.empty() ? "image: " : absl::StrCat(options.name, ": ");
  const int64_t size_bytes = static_cast<int64_t>(bytes.size());
  if (size_bytes > options.limits.max_source_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(prefix, size_bytes, " bytes, the limit is ", options.limits.max_source_bytes));
  }
  const std::optional<ImageFormat> format = DetectImageFormat(bytes);
  if (!format) return absl::InvalidArgumentError(absl::StrCat(prefix, NotAnImage(bytes)));
  absl::StatusOr<DecodedImage> decoded = absl::InternalError("");
  try {
    decoded = Decode(*format, bytes, options.limits);
  } catch (const std::bad_alloc&) {
    decoded = absl::ResourceExhaustedError("not enough memory for its pixels");
  }
  if (!decoded.ok()) {
    return absl::Status(decoded.status().code(),
                        absl::StrCat(prefix, std::string(ImageFormatName(*format)), ": ",
                                     decoded.status().message()));
  }
  if (!options.apply_orientation && *format != ImageFormat::kTiff) return std::move(decoded->image);
  return Turn(std::move(decoded->image), decoded->orientation);
}

absl::Status CheckImageSize(int64_t width, int64_t height, const ImageLimits& limits) {
  if (width < 1 || height < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("its header says ", width, " x ", height, " pixels"));
  }
  if (width > limits.max_side || height > limits.max_side) {
    return absl::ResourceExhaustedError(
        absl::StrCat(width, " x ", height, " pixels; a side may have at most ", limits.max_side));
  }
  if (width * height > limits.max_pixels) {
    return absl::ResourceExhaustedError(absl::StrCat(width, " x ", height, " = ", width * height,
                                                     " pixels, the limit is ", limits.max_pixels));
  }
  return absl::OkStatus();
}

void CmykToRgb(const uint8_t* cmyk, uint8_t* rgb) {
  const int white = 255 - cmyk[3];
  for (int i = 0; i < 3; ++i) {
    const int product = cmyk[i] * white + 128;  // a · b / 255, rounded, without a division
    const int value = white - (((product >> 8) + product) >> 8);
    rgb[i] = static_cast<uint8_t>(value < 0 ? 0 : value);
  }
}

}  // namespace strata::models
