// WebP through libwebp: still images, and the first frame of animations on a black canvas.
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/media/image_format_readers.h"
#include "models/media/image_orientation.h"

namespace strata::models {
namespace {

const char* Reason(VP8StatusCode code) {
  switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_STATUS_BITSTREAM_ERROR:
      return "bitstream error";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "unsupported feature";
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "the file ends early";
    default:
      return "decoding failed";
  }
}

absl::Status Damaged(const char* reason) {
  return absl::InvalidArgumentError(absl::StrCat("it is damaged or cut off (", reason, ")"));
}

std::string_view Chunk(const WebPDemuxer* demuxer, const char* name) {
  WebPChunkIterator chunk;
  std::string_view bytes;
  if (WebPDemuxGetChunk(demuxer, name, 1, &chunk) != 0) {
    bytes = {reinterpret_cast<const char*>(chunk.chunk.bytes), chunk.chunk.size};
  }
  WebPDemuxReleaseChunkIterator(&chunk);  // the bytes are the caller's own
  return bytes;
}

// Decodes the frame straight into its place on the canvas.
absl::Status DecodeFrame(const WebPIterator& frame, RgbImage& canvas) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return absl::InternalError("libwebp does not fit");
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  const size_t stride = canvas.row_bytes();
  uint8_t* const first = canvas.row(frame.y_offset) + size_t{3} * frame.x_offset;
  config.output.u.RGBA.rgba = first;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size =
      static_cast<size_t>(canvas.pixels.data() + canvas.pixels.size() - first);
  const VP8StatusCode code = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  return code == VP8_STATUS_OK ? absl::OkStatus() : Damaged(Reason(code));
}

}  // namespace

absl::StatusOr<DecodedImage> ReadWebp(std::string_view bytes, const ImageLimits& limits) {
  const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  const std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)> demuxer(WebPDemux(&data),
                                                                     WebPDemuxDelete);
  if (demuxer == nullptr) return Damaged("its chunks do not fit the file's size");
  const int64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const int64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  if (absl::Status status = CheckImageSize(width, height, limits); !status.ok()) return status;

  WebPIterator frame;
  const bool has_frame = WebPDemuxGetFrame(demuxer.get(), 1, &frame) != 0;
  const std::unique_ptr<WebPIterator, void (*)(WebPIterator*)> release(&frame,
                                                                       WebPDemuxReleaseIterator);
  if (!has_frame || frame.complete == 0) return Damaged("it has no whole frame");
  if (frame.x_offset < 0 || frame.y_offset < 0 || frame.width < 1 || frame.height < 1 ||
      int64_t{frame.x_offset} + frame.width > width ||
      int64_t{frame.y_offset} + frame.height > height) {
    return Damaged("its first frame lies outside of the canvas");
  }
  DecodedImage decoded;
  decoded.image = RgbImage::OfSize(static_cast<int32_t>(width), static_cast<int32_t>(height));
  if (absl::Status status = DecodeFrame(frame, decoded.image); !status.ok()) return status;
  decoded.orientation = OrientationOf(Chunk(demuxer.get(), "EXIF"), Chunk(demuxer.get(), "XMP "));
  return decoded;
}

}  // namespace strata::models
