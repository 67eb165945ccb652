// JPEG through libjpeg-turbo: the accurate DCT and smooth chroma upsampling (its defaults, and
// Pillow's).
#include <csetjmp>
#include <cstdio>
#include <string>

// jpeglib.h needs cstdio in front of it, jerror.h needs jpeglib.h.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/media/image_format_readers.h"
#include "models/media/image_orientation.h"

namespace strata::models {
namespace {

// A progressive file may ask for any number of passes over its whole area.
constexpr int kMaxScans = 500;

// libjpeg reports errors by longjmp. Everything with a destructor lives in ReadJpeg's frame, above
// the functions that are jumped out of.
struct Session {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  jmp_buf escape;
  char message[JMSG_LENGTH_MAX] = "";
};

Session& SessionOf(j_common_ptr info) { return *static_cast<Session*>(info->client_data); }

[[noreturn]] void OnError(j_common_ptr info) {
  Session& session = SessionOf(info);
  info->err->format_message(info, session.message);
  std::longjmp(session.escape, 1);
}

// libjpeg only warns where the picture's data is damaged or ends early, and fills in grey. Lost
// data is an error here; what is merely odd is not.
void OnMessage(j_common_ptr info, int level) {
  if (level >= 0) return;
  const auto decompress = reinterpret_cast<j_decompress_ptr>(info);
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_TOO_MUCH_DATA:
      OnError(info);
    case JWRN_JPEG_EOF:  // an end marker alone may be missing, later passes may not
      if (jpeg_has_multiple_scans(decompress)) OnError(info);
      break;
    default:
      break;
  }
}

void OnProgress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
  Session& session = SessionOf(info);
  std::snprintf(session.message, sizeof session.message, "more than %d scans", kMaxScans);
  std::longjmp(session.escape, 1);
}

bool Open(Session& session, std::string_view bytes) {
  session.info.err = jpeg_std_error(&session.errors);
  session.errors.error_exit = OnError;
  session.errors.emit_message = OnMessage;
  session.info.client_data = &session;
  if (setjmp(session.escape) != 0) return false;
  jpeg_create_decompress(&session.info);  // clears all but err and client_data
  session.progress = {};
  session.progress.progress_monitor = OnProgress;
  session.info.progress = &session.progress;
  jpeg_mem_src(&session.info, reinterpret_cast<const unsigned char*>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
  jpeg_save_markers(&session.info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&session.info, TRUE);
  return true;
}

// Rows of 3 (RGB) or 4 (CMYK) bytes a pixel; the latter pass through `cmyk_row`.
bool ReadRows(Session& session, RgbImage& image, uint8_t* cmyk_row) {
  if (setjmp(session.escape) != 0) return false;
  jpeg_decompress_struct& info = session.info;
  info.out_color_space = cmyk_row != nullptr ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    uint8_t* const out = image.row(static_cast<int32_t>(info.output_scanline));
    JSAMPROW row = cmyk_row != nullptr ? cmyk_row : out;
    jpeg_read_scanlines(&info, &row, 1);
    if (cmyk_row == nullptr) continue;
    for (int32_t x = 0; x < image.width; ++x) {
      uint8_t* const pixel = cmyk_row + size_t{4} * x;
      for (int i = 0; i < 4; ++i) pixel[i] = static_cast<uint8_t>(255 - pixel[i]);
      CmykToRgb(pixel, out + size_t{3} * x);
    }
  }
  jpeg_finish_decompress(&info);
  return true;
}

int Orientation(const jpeg_decompress_struct& info) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  constexpr std::string_view kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
  std::string exif, xmp;
  for (const jpeg_marker_struct* marker = info.marker_list; marker; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (data.substr(0, kExif.size()) == kExif) exif += data.substr(kExif.size());
    if (data.substr(0, kXmp.size()) == kXmp) xmp = data.substr(kXmp.size());
  }
  return OrientationOf(exif, xmp);
}

}  // namespace

absl::StatusOr<DecodedImage> ReadJpeg(std::string_view bytes, const ImageLimits& limits) {
  Session session;
  struct Destroyer {
    Session& session;
    ~Destroyer() { jpeg_destroy_decompress(&session.info); }
  };
  session.info.mem = nullptr;  // so that Destroyer may come before Open
  const Destroyer destroyer{session};
  const auto failed = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("it is damaged or cut off (", session.message, ")"));
  };
  if (!Open(session, bytes)) return failed();
  const jpeg_decompress_struct& info = session.info;
  if (absl::Status status = CheckImageSize(info.image_width, info.image_height, limits);
      !status.ok()) {
    return status;
  }
  if (info.num_components != 1 && info.num_components != 3 && info.num_components != 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("it has ", info.num_components, " colour components; 1, 3 or 4 are known"));
  }
  DecodedImage decoded;
  decoded.image = RgbImage::OfSize(static_cast<int32_t>(info.image_width),
                                   static_cast<int32_t>(info.image_height));
  decoded.orientation = Orientation(info);
  std::vector<uint8_t> cmyk_row(info.num_components == 4 ? size_t{4} * info.image_width : 0);
  if (!ReadRows(session, decoded.image, cmyk_row.empty() ? nullptr : cmyk_row.data())) {
    return failed();
  }
  return decoded;
}

}  // namespace strata::models
