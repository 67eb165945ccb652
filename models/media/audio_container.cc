#include "models/media/audio_container.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

constexpr uint32_t kUnknownLength = 0xFFFFFFFF;
constexpr uint16_t kPcm = 1, kFloat = 3, kALaw = 6, kMuLaw = 7, kExtensible = 0xFFFE;

bool HasAt(std::string_view bytes, size_t offset, std::string_view expected) {
  return bytes.size() >= offset && bytes.substr(offset, expected.size()) == expected;
}

// An unsigned number of `width` bytes; RIFX files are big-endian.
uint64_t NumberAt(std::string_view bytes, size_t offset, size_t width, bool big_endian) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) {
    const size_t place = big_endian ? i : width - 1 - i;
    value = value << 8 | static_cast<uint8_t>(bytes[offset + place]);
  }
  return value;
}

absl::Status CheckWavFormat(std::string_view chunk, bool big_endian) {
  if (chunk.size() < 16) {
    return absl::InvalidArgumentError(absl::StrCat("WAV file whose format chunk has ", chunk.size(),
                                                   " bytes, at least 16 are needed"));
  }
  const uint64_t coding = NumberAt(chunk, 0, 2, big_endian);
  const uint64_t channels = NumberAt(chunk, 2, 2, big_endian);
  const uint64_t rate = NumberAt(chunk, 4, 4, big_endian);
  const uint64_t frame_bytes = NumberAt(chunk, 12, 2, big_endian);
  const uint64_t bits = NumberAt(chunk, 14, 2, big_endian);
  if (channels == 0 || rate == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("WAV file whose header says ", channels, " channels at ", rate, " Hz"));
  }
  const bool plain = coding == kPcm || coding == kFloat || coding == kExtensible;
  if (plain && frame_bytes != channels * ((bits + 7) / 8)) {
    return absl::InvalidArgumentError(
        absl::StrCat("WAV file whose header contradicts itself: ", channels, " channels of ", bits,
                     " bits cannot be ", frame_bytes, " bytes a frame"));
  }
  return absl::OkStatus();
}

// FindWavData; `missing` says what is not there where that is nothing.
absl::StatusOr<std::optional<WavLayout>> ScanWav(std::string_view bytes, std::string& missing) {
  const bool big_endian = HasAt(bytes, 0, "RIFX");
  const bool is_rf64 = HasAt(bytes, 0, "RF64");
  uint64_t long_data_bytes = 0;
  bool has_format = false;
  WavLayout layout;
  size_t offset = 12;
  while (offset + 8 <= bytes.size()) {
    const std::string_view id = bytes.substr(offset, 4);
    uint64_t size = NumberAt(bytes, offset + 4, 4, big_endian);
    const size_t body = offset + 8;
    if (id == "data") {
      if (!has_format) {
        return absl::InvalidArgumentError("WAV file with no format chunk before its data");
      }
      layout.data_begin = static_cast<int64_t>(body);
      if (size == kUnknownLength && is_rf64) size = long_data_bytes;
      if (size != kUnknownLength) {
        layout.data_bytes = static_cast<int64_t>(std::min<uint64_t>(size, INT64_MAX));
      }
      return layout;
    }
    if (size > bytes.size() - body) {
      missing = absl::StrCat("WAV file whose chunk at byte ", offset, " claims ", size,
                             " bytes of the ", bytes.size() - body, " that are left");
      return std::nullopt;
    }
    if (id == "fmt ") {
      const std::string_view chunk = bytes.substr(body, size);
      absl::Status status = CheckWavFormat(chunk, big_endian);
      if (!status.ok()) return status;
      has_format = true;
      const uint64_t coding = NumberAt(chunk, 0, 2, big_endian);
      layout.frame_bytes = static_cast<int64_t>(NumberAt(chunk, 12, 2, big_endian));
      layout.fixed_frames = coding == kPcm || coding == kFloat || coding == kExtensible ||
                            coding == kALaw || coding == kMuLaw;
    } else if (id == "ds64" && size >= 16) {
      long_data_bytes = NumberAt(bytes, body + 8, 8, false);
    }
    offset = body + size + size % 2;
  }
  missing = "WAV file without a data chunk; is it cut off?";
  return std::nullopt;
}

absl::Status CheckWav(std::string_view bytes) {
  std::string missing;
  auto layout = ScanWav(bytes, missing);
  if (!layout.ok()) return layout.status();
  if (!*layout) return absl::InvalidArgumentError(missing);
  const auto left = static_cast<int64_t>(bytes.size()) - (*layout)->data_begin;
  if ((*layout)->data_bytes > left) {
    return absl::InvalidArgumentError(
        absl::StrCat("WAV file whose header promises ", (*layout)->data_bytes,
                     " bytes of samples and that holds ", left, "; is it cut off?"));
  }
  return absl::OkStatus();
}

// Ogg pages: "OggS", version, flags, 8 bytes position, 4 serial, 4 number, 4 checksum, the number
// of segments and their lengths.
absl::Status CheckOgg(std::string_view bytes) {
  constexpr size_t kHeader = 27;
  constexpr uint8_t kLastPage = 4;
  size_t offset = 0;
  bool ended = false;
  while (offset < bytes.size()) {
    if (!HasAt(bytes, offset, "OggS")) {
      // Tags that some programs append are no harm behind the last page.
      if (ended) return absl::OkStatus();
      return absl::InvalidArgumentError(absl::StrCat("Ogg file without a page at byte ", offset));
    }
    if (bytes.size() - offset < kHeader) break;
    const auto segments = static_cast<uint8_t>(bytes[offset + 26]);
    if (bytes.size() - offset < kHeader + segments) break;
    size_t length = kHeader + segments;
    for (size_t i = 0; i < segments; ++i) {
      length += static_cast<uint8_t>(bytes[offset + kHeader + i]);
    }
    if (bytes.size() - offset < length) break;
    ended = (static_cast<uint8_t>(bytes[offset + 5]) & kLastPage) != 0;
    offset += length;
  }
  if (!ended) {
    return absl::InvalidArgumentError(absl::StrCat("Ogg file that ends at byte ", bytes.size(),
                                                   " without its last page; is it cut off?"));
  }
  return absl::OkStatus();
}

// Four header bytes of an MPEG audio frame: sync, and no field at its reserved value.
bool IsMpegFrame(std::string_view bytes) {
  if (bytes.size() < 4) return false;
  const auto b1 = static_cast<uint8_t>(bytes[1]), b2 = static_cast<uint8_t>(bytes[2]);
  return static_cast<uint8_t>(bytes[0]) == 0xFF && (b1 & 0xE0) == 0xE0 && (b1 & 0x18) != 0x08 &&
         (b1 & 0x06) != 0 && (b2 & 0xF0) != 0xF0 && (b2 & 0x0C) != 0x0C;
}

}  // namespace

std::optional<AudioFormat> DetectAudioFormat(std::string_view bytes) {
  if ((HasAt(bytes, 0, "RIFF") || HasAt(bytes, 0, "RIFX") || HasAt(bytes, 0, "RF64")) &&
      HasAt(bytes, 8, "WAVE")) {
    return AudioFormat::kWav;
  }
  if (HasAt(bytes, 0, "fLaC")) return AudioFormat::kFlac;
  if (HasAt(bytes, 0, "OggS")) return AudioFormat::kOgg;
  if (HasAt(bytes, 0, "ID3") || IsMpegFrame(bytes)) return AudioFormat::kMp3;
  return std::nullopt;
}

absl::Status CheckAudioContainer(AudioFormat format, std::string_view bytes) {
  if (format == AudioFormat::kWav) return CheckWav(bytes);
  if (format == AudioFormat::kOgg) return CheckOgg(bytes);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<WavLayout>> FindWavData(std::string_view bytes) {
  std::string missing;
  return ScanWav(bytes, missing);
}

}  // namespace strata::models
