// GIF through giflib: the first frame on a canvas of its transparent colour, or of colour 0, as
// Pillow lays it out.
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/media/image_format_readers.h"

namespace strata::models {
namespace {

int OnRead(GifFileType* file, GifByteType* out, int count) {
  auto& rest = *static_cast<std::string_view*>(file->UserData);
  const size_t taken = std::min(rest.size(), static_cast<size_t>(count));
  std::memcpy(out, rest.data(), taken);
  rest.remove_prefix(taken);
  return static_cast<int>(taken);
}

absl::Status Damaged(int code) {
  const char* const reason = GifErrorString(code);
  return absl::InvalidArgumentError(absl::StrCat(
      "it is damaged or cut off (", reason != nullptr ? reason : "it holds no image", ")"));
}

// Runs over the records in front of the first image. -1: no transparent colour.
absl::StatusOr<int> SkipToFirstImage(GifFileType* file) {
  int transparent = -1;
  while (true) {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(file, &record) == GIF_ERROR) return Damaged(file->Error);
    if (record == IMAGE_DESC_RECORD_TYPE) return transparent;
    if (record != EXTENSION_RECORD_TYPE) return Damaged(0);  // the end
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(file, &code, &block) == GIF_ERROR) return Damaged(file->Error);
    GraphicsControlBlock control;
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr &&
        DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
      transparent = control.TransparentColor;
    }
    while (block != nullptr) {
      if (DGifGetExtensionNext(file, &block) == GIF_ERROR) return Damaged(file->Error);
    }
  }
}

// 256 colours; those that no table gives are grey.
std::array<std::array<uint8_t, 3>, 256> Palette(const ColorMapObject* colors) {
  std::array<std::array<uint8_t, 3>, 256> palette;
  for (int i = 0; i < 256; ++i) {
    const auto grey = static_cast<uint8_t>(i);
    palette[i] = {grey, grey, grey};
    if (colors == nullptr || i >= colors->ColorCount) continue;
    palette[i] = {colors->Colors[i].Red, colors->Colors[i].Green, colors->Colors[i].Blue};
  }
  return palette;
}

// The order in which the rows of an interlaced image are stored.
std::vector<int> RowOrder(int height, bool interlaced) {
  std::vector<int> order;
  if (!interlaced) {
    for (int y = 0; y < height; ++y) order.push_back(y);
    return order;
  }
  constexpr int kPasses[4][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  for (const auto& [first, step] : kPasses) {
    for (int y = first; y < height; y += step) order.push_back(y);
  }
  return order;
}

}  // namespace

absl::StatusOr<DecodedImage> ReadGif(std::string_view bytes, const ImageLimits& limits) {
  int error = 0;
  std::string_view rest = bytes;
  const auto close = [](GifFileType* file) { DGifCloseFile(file, nullptr); };
  const std::unique_ptr<GifFileType, decltype(close)> file(DGifOpen(&rest, OnRead, &error), close);
  if (file == nullptr) return Damaged(error);
  // giflib allocates row by row, so the sizes can be checked as they are met.
  if (absl::Status status = CheckImageSize(file->SWidth, file->SHeight, limits); !status.ok()) {
    return status;
  }
  auto transparent = SkipToFirstImage(file.get());
  if (!transparent.ok()) return transparent.status();
  if (DGifGetImageDesc(file.get()) == GIF_ERROR) return Damaged(file->Error);
  const GifImageDesc& frame = file->Image;
  if (absl::Status status = CheckImageSize(frame.Width, frame.Height, limits); !status.ok()) {
    return status;
  }
  // A frame may reach beyond the canvas, which then grows.
  const int64_t width = std::max<int64_t>(file->SWidth, int64_t{frame.Left} + frame.Width);
  const int64_t height = std::max<int64_t>(file->SHeight, int64_t{frame.Top} + frame.Height);
  if (absl::Status status = CheckImageSize(width, height, limits); !status.ok()) return status;

  const auto palette =
      Palette(frame.ColorMap != nullptr ? frame.ColorMap
                                        : static_cast<const ColorMapObject*>(file->SColorMap));
  DecodedImage decoded;
  RgbImage& image = decoded.image;
  image = RgbImage::OfSize(static_cast<int32_t>(width), static_cast<int32_t>(height));
  const auto& ground = palette[std::max(*transparent, 0)];
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    std::copy(ground.begin(), ground.end(), image.pixels.data() + i);
  }
  std::vector<GifPixelType> line(static_cast<size_t>(frame.Width));
  for (int y : RowOrder(frame.Height, frame.Interlace)) {
    if (DGifGetLine(file.get(), line.data(), frame.Width) == GIF_ERROR) return Damaged(file->Error);
    uint8_t* out = image.row(frame.Top + y) + size_t{3} * frame.Left;
    for (GifPixelType index : line) out = std::copy_n(palette[index].begin(), 3, out);
  }
  return decoded;
}

}  // namespace strata::models
