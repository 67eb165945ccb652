// PNG through libpng: palette and grey become RGB, of 16 bits the high byte is kept, alpha and
// gamma are left out of account. Of an animated PNG the default image.
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/media/image_format_readers.h"
#include "models/media/image_orientation.h"

namespace strata::models {
namespace {

// Of one ancillary chunk, inflated: nothing an image needs is larger.
constexpr png_alloc_size_t kMaxChunkBytes = png_alloc_size_t{8} << 20;

// libpng reports errors by longjmp. Everything with a destructor lives in ReadPng's frame, above
// the functions that are jumped out of.
struct Session {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string_view rest;  // bytes not read yet
  char message[160] = "";

  ~Session() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  Session& session = *static_cast<Session*>(png_get_error_ptr(png));
  std::snprintf(session.message, sizeof session.message, "%s", message);
  png_longjmp(png, 1);
}

void OnWarning(png_structp, png_const_charp) {}

void OnRead(png_structp png, png_bytep out, size_t count) {
  Session& session = *static_cast<Session*>(png_get_io_ptr(png));
  if (count > session.rest.size()) png_error(png, "the file ends early");
  std::memcpy(out, session.rest.data(), count);
  session.rest.remove_prefix(count);
}

bool Open(Session& session, const ImageLimits& limits) {
  if (setjmp(png_jmpbuf(session.png)) != 0) return false;
  png_set_read_fn(session.png, &session, OnRead);
  // Sizes are checked by CheckImageSize, whose message names both; libpng's own limit is a million.
  (void)limits;
  png_set_user_limits(session.png, 0x7FFFFFFF, 0x7FFFFFFF);
  png_set_chunk_malloc_max(session.png, kMaxChunkBytes);
  png_read_info(session.png, session.info);
  return true;
}

bool ReadRows(Session& session, const RgbImage& image, png_bytepp rows) {
  if (setjmp(png_jmpbuf(session.png)) != 0) return false;
  png_set_palette_to_rgb(session.png);
  png_set_expand_gray_1_2_4_to_8(session.png);
  png_set_strip_16(session.png);
  png_set_gray_to_rgb(session.png);
  png_set_strip_alpha(session.png);
  png_set_interlace_handling(session.png);
  png_read_update_info(session.png, session.info);
  if (png_get_rowbytes(session.png, session.info) != image.row_bytes()) {
    png_error(session.png, "its rows are not RGB after conversion");
  }
  png_read_image(session.png, rows);
  png_read_end(session.png, session.info);
  return true;
}

int Orientation(const Session& session) {
  std::string_view exif, xmp;
  png_uint_32 exif_bytes = 0;
  png_bytep exif_data = nullptr;
  if (png_get_eXIf_1(session.png, session.info, &exif_bytes, &exif_data) != 0) {
    exif = {reinterpret_cast<const char*>(exif_data), exif_bytes};
  }
  png_textp texts = nullptr;
  int num_texts = 0;
  png_get_text(session.png, session.info, &texts, &num_texts);
  for (int i = 0; i < num_texts; ++i) {
    if (std::strcmp(texts[i].key, "XML:com.adobe.xmp") != 0) continue;
    xmp = {texts[i].text, texts[i].itxt_length > 0 ? texts[i].itxt_length : texts[i].text_length};
  }
  return OrientationOf(exif, xmp);
}

}  // namespace

absl::StatusOr<DecodedImage> ReadPng(std::string_view bytes, const ImageLimits& limits) {
  Session session;
  session.rest = bytes;
  session.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &session, OnError, OnWarning);
  if (session.png != nullptr) session.info = png_create_info_struct(session.png);
  if (session.info == nullptr) return absl::ResourceExhaustedError("libpng could not start");
  const auto failed = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("it is damaged or cut off (", session.message, ")"));
  };
  if (!Open(session, limits)) return failed();
  const int64_t width = png_get_image_width(session.png, session.info);
  const int64_t height = png_get_image_height(session.png, session.info);
  if (absl::Status status = CheckImageSize(width, height, limits); !status.ok()) return status;

  DecodedImage decoded;
  decoded.image = RgbImage::OfSize(static_cast<int32_t>(width), static_cast<int32_t>(height));
  std::vector<png_bytep> rows;
  for (int32_t y = 0; y < height; ++y) rows.push_back(decoded.image.row(y));
  if (!ReadRows(session, decoded.image, rows.data())) return failed();
  decoded.orientation = Orientation(session);
  return decoded;
}

}  // namespace strata::models
