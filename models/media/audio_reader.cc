#include "models/media/audio_reader.h"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/media/audio_container.h"

namespace strata::models {
namespace {

// Far above any real recording, far below what overflows in a power spectrum of float32.
constexpr float kLargestSample = 1e6F;

// Bytes of a header that are looked at before a format is told.
constexpr size_t kHeadBytes = size_t{64} << 10;

// What libsndfile reads from, by callbacks: all bytes, or those of a feed, which it is not to ask
// for before they are there.
struct VirtualFile {
  std::string_view bytes;
  std::shared_ptr<ByteFeed> feed;
  int64_t length = 0;
  int64_t position = 0;
};

sf_count_t FileLength(void* user) { return static_cast<VirtualFile*>(user)->length; }

sf_count_t FileSeek(sf_count_t offset, int whence, void* user) {
  auto* file = static_cast<VirtualFile*>(user);
  int64_t base = 0;
  if (whence == SEEK_CUR) base = file->position;
  if (whence == SEEK_END) base = file->length;
  int64_t target = 0;
  if (__builtin_add_overflow(base, offset, &target) || target < 0 || target > file->length) {
    return -1;
  }
  file->position = target;
  return target;
}

sf_count_t FileRead(void* data, sf_count_t count, void* user) {
  auto* file = static_cast<VirtualFile*>(user);
  int64_t taken = std::clamp<int64_t>(count, 0, file->length - file->position);
  if (file->feed != nullptr) {
    taken = static_cast<int64_t>(
        file->feed->Read(file->position, static_cast<char*>(data), static_cast<size_t>(taken)));
  } else {
    std::memcpy(data, file->bytes.data() + file->position, static_cast<size_t>(taken));
  }
  file->position += taken;
  return taken;
}

sf_count_t FileWrite(const void*, sf_count_t, void*) { return 0; }

sf_count_t FileTell(void* user) { return static_cast<VirtualFile*>(user)->position; }

class SndfileReader : public AudioReader {
 public:
  SndfileReader(std::string_view bytes, const AudioReadOptions& options)
      : options_(options), file_{bytes, nullptr, static_cast<int64_t>(bytes.size()), 0} {}
  // A WAV file of `layout` that is still arriving.
  SndfileReader(std::shared_ptr<ByteFeed> feed, const WavLayout& layout,
                const AudioReadOptions& options)
      : options_(options), file_{{}, std::move(feed), 0, 0}, layout_(layout) {
    // A length that nobody knows is as long as such a file can be.
    const int64_t data_bytes = layout.data_bytes >= 0 ? layout.data_bytes : int64_t{UINT32_MAX};
    file_.length = std::min(data_bytes, INT64_MAX - layout.data_begin) + layout.data_begin;
  }
  ~SndfileReader() override {
    if (decoder_ != nullptr) sf_close(decoder_);
  }
  SndfileReader(const SndfileReader&) = delete;
  SndfileReader& operator=(const SndfileReader&) = delete;

  absl::Status Start(AudioFormat format);
  const AudioInfo& info() const override { return info_; }
  int64_t frames_ready() const override;
  absl::Status Read(int64_t max_frames, std::vector<float>& samples) override;

 private:
  absl::Status CheckInfo() const;
  absl::Status CheckSamples(const std::vector<float>& samples) const;
  absl::Status CheckEnd() const;
  // "talk.wav: " or "audio: ".
  std::string Where() const {
    return absl::StrCat(options_.name.empty() ? "audio" : options_.name, ": ");
  }

  const AudioReadOptions options_;
  VirtualFile file_;
  const WavLayout layout_;  // of a feed
  SNDFILE* decoder_ = nullptr;
  AudioInfo info_;
  int64_t num_read_ = 0;  // frames so far
  absl::Status failed_;
};

absl::Status SndfileReader::Start(AudioFormat format) {
  SF_VIRTUAL_IO io = {FileLength, FileSeek, FileRead, FileWrite, FileTell};
  SF_INFO header = {};
  decoder_ = sf_open_virtual(&io, SFM_READ, &header, &file_);
  if (decoder_ == nullptr) {
    const int code = sf_error(nullptr);
    const std::string message = absl::StrCat(Where(), std::string(AudioFormatName(format)),
                                             " file that cannot be read: ", sf_strerror(nullptr));
    if (code == SF_ERR_UNSUPPORTED_ENCODING) return absl::UnimplementedError(message);
    return absl::InvalidArgumentError(message);
  }
  info_.format = format;
  info_.sample_rate = header.samplerate;
  info_.num_channels = header.channels;
  // libsndfile gives this number for a stream whose length is not known.
  info_.num_frames = header.frames == SF_COUNT_MAX ? -1 : header.frames;
  if (file_.feed != nullptr && layout_.data_bytes < 0) info_.num_frames = -1;
  return CheckInfo();
}

absl::Status SndfileReader::CheckInfo() const {
  const AudioLimits& limits = options_.limits;
  if (info_.sample_rate <= 0 || info_.num_channels <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(Where(), "the header says ", info_.num_channels,
                                                   " channels at ", info_.sample_rate, " Hz"));
  }
  if (info_.sample_rate > limits.max_sample_rate) {
    return absl::ResourceExhaustedError(absl::StrCat(Where(), "sampled at ", info_.sample_rate,
                                                     " Hz, at most ", limits.max_sample_rate,
                                                     " Hz are read"));
  }
  if (info_.num_channels > limits.max_channels) {
    return absl::ResourceExhaustedError(absl::StrCat(
        Where(), info_.num_channels, " channels, at most ", limits.max_channels, " are read"));
  }
  if (info_.num_frames == 0) {
    return absl::InvalidArgumentError(absl::StrCat(Where(), "the file holds no samples"));
  }
  if (info_.num_frames / info_.sample_rate > limits.max_seconds) {
    return absl::ResourceExhaustedError(absl::StrCat(Where(), info_.num_frames / info_.sample_rate,
                                                     " s long, at most ", limits.max_seconds,
                                                     " s are read"));
  }
  return absl::OkStatus();
}

int64_t SndfileReader::frames_ready() const {
  if (file_.feed == nullptr || file_.feed->closed()) return INT64_MAX;
  const int64_t end = std::min(file_.feed->size(), file_.length);
  const int64_t arrived = std::max<int64_t>(0, end - layout_.data_begin) / layout_.frame_bytes;
  const bool all = layout_.data_bytes >= 0 && num_read_ == layout_.data_bytes / layout_.frame_bytes;
  // What lies behind the samples is waited for and let go.
  if (all) file_.feed->DropBefore(file_.feed->size());
  return arrived - num_read_;
}

absl::Status SndfileReader::Read(int64_t max_frames, std::vector<float>& samples) {
  samples.clear();
  if (failed_.ok() && file_.feed != nullptr) failed_ = file_.feed->status();
  if (!failed_.ok()) return failed_;
  samples.resize(static_cast<size_t>(max_frames * info_.num_channels));
  const int64_t count = std::max<int64_t>(0, sf_readf_float(decoder_, samples.data(), max_frames));
  samples.resize(static_cast<size_t>(count * info_.num_channels));
  if (const int code = sf_error(decoder_); code != SF_ERR_NO_ERROR) {
    failed_ = absl::InvalidArgumentError(absl::StrCat(
        Where(), "damaged after frame ", num_read_ + count, ": ", sf_error_number(code)));
  } else if (absl::Status checked = CheckSamples(samples); !checked.ok()) {
    failed_ = std::move(checked);
  } else {
    num_read_ += count;
    if (num_read_ / info_.sample_rate > options_.limits.max_seconds) {
      failed_ = absl::ResourceExhaustedError(absl::StrCat(Where(), "longer than ",
                                                          options_.limits.max_seconds,
                                                          " s, which is the most that is read"));
    } else if (count < max_frames) {
      failed_ = CheckEnd();
    }
  }
  if (file_.feed != nullptr) file_.feed->DropBefore(file_.position);
  if (!failed_.ok()) samples.clear();
  return failed_;
}

absl::Status SndfileReader::CheckSamples(const std::vector<float>& samples) const {
  for (size_t i = 0; i < samples.size(); ++i) {
    if (std::fabs(samples[i]) <= kLargestSample) continue;
    const auto channels = static_cast<size_t>(info_.num_channels);
    return absl::InvalidArgumentError(absl::StrCat(
        Where(), "frame ", num_read_ + static_cast<int64_t>(i / channels), ", channel ",
        i % channels, " is ", samples[i], "; samples are finite numbers, usually within ±1"));
  }
  return absl::OkStatus();
}

absl::Status SndfileReader::CheckEnd() const {
  if (num_read_ == 0) {
    return absl::InvalidArgumentError(absl::StrCat(Where(), "the file holds no samples"));
  }
  if (info_.num_frames >= 0 && num_read_ < info_.num_frames) {
    return absl::InvalidArgumentError(absl::StrCat(Where(), "the file ends after ", num_read_,
                                                   " of ", info_.num_frames,
                                                   " frames; is it cut off or damaged?"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view AudioFormatName(AudioFormat format) {
  switch (format) {
    case AudioFormat::kWav:
      return "WAV";
    case AudioFormat::kFlac:
      return "FLAC";
    case AudioFormat::kOgg:
      return "Ogg";
    case AudioFormat::kMp3:
      return "MP3";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<AudioReader>> AudioReader::Open(std::string_view bytes,
                                                               const AudioReadOptions& options) {
  const std::string where = absl::StrCat(options.name.empty() ? "audio" : options.name, ": ");
  if (static_cast<int64_t>(bytes.size()) > options.limits.max_source_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(where, bytes.size(), " bytes, at most ",
                                                     options.limits.max_source_bytes, " are read"));
  }
  const std::optional<AudioFormat> format = DetectAudioFormat(bytes);
  if (!format) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, bytes.empty() ? "the file is empty"
                                          : "the content is none of WAV, FLAC, Ogg and MP3, "
                                            "whatever the file's name says"));
  }
  absl::Status container = CheckAudioContainer(*format, bytes);
  if (!container.ok()) {
    return absl::Status(container.code(), absl::StrCat(where, container.message()));
  }
  auto reader = std::make_unique<SndfileReader>(bytes, options);
  if (absl::Status started = reader->Start(*format); !started.ok()) return started;
  return reader;
}

std::optional<bool> CanBeHeardAsItArrives(std::string_view bytes) {
  if (bytes.size() < 12) return std::nullopt;
  if (DetectAudioFormat(bytes) != AudioFormat::kWav) return false;
  auto layout = FindWavData(bytes.substr(0, kHeadBytes));
  if (!layout.ok()) return false;
  if (!*layout) return bytes.size() < kHeadBytes ? std::nullopt : std::optional<bool>(false);
  return (*layout)->fixed_frames && (*layout)->frame_bytes > 0;
}

absl::StatusOr<std::unique_ptr<AudioReader>> AudioReader::Open(std::shared_ptr<ByteFeed> feed,
                                                               const AudioReadOptions& options) {
  std::string head(kHeadBytes, '\0');
  head.resize(feed->Read(0, head.data(), head.size()));
  const std::string where = absl::StrCat(options.name.empty() ? "audio" : options.name, ": ");
  if (CanBeHeardAsItArrives(head) != true) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "only a WAV file with plain samples can be heard as it arrives"));
  }
  auto reader = std::make_unique<SndfileReader>(std::move(feed), **FindWavData(head), options);
  if (absl::Status started = reader->Start(AudioFormat::kWav); !started.ok()) return started;
  return reader;
}

}  // namespace strata::models
