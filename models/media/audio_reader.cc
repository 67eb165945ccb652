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

// What libsndfile reads from, by callbacks.
struct MemoryFile {
  std::string_view bytes;
  int64_t position = 0;
};

sf_count_t FileLength(void* user) {
  return static_cast<sf_count_t>(static_cast<MemoryFile*>(user)->bytes.size());
}

sf_count_t FileSeek(sf_count_t offset, int whence, void* user) {
  auto* file = static_cast<MemoryFile*>(user);
  const auto size = static_cast<int64_t>(file->bytes.size());
  int64_t base = 0;
  if (whence == SEEK_CUR) base = file->position;
  if (whence == SEEK_END) base = size;
  int64_t target = 0;
  if (__builtin_add_overflow(base, offset, &target) || target < 0 || target > size) return -1;
  file->position = target;
  return target;
}

sf_count_t FileRead(void* data, sf_count_t count, void* user) {
  auto* file = static_cast<MemoryFile*>(user);
  const int64_t left = static_cast<int64_t>(file->bytes.size()) - file->position;
  const int64_t taken = std::clamp<int64_t>(count, 0, left);
  std::memcpy(data, file->bytes.data() + file->position, static_cast<size_t>(taken));
  file->position += taken;
  return taken;
}

sf_count_t FileWrite(const void*, sf_count_t, void*) { return 0; }

sf_count_t FileTell(void* user) { return static_cast<MemoryFile*>(user)->position; }

class SndfileReader : public AudioReader {
 public:
  SndfileReader(std::string_view bytes, const AudioReadOptions& options)
      : options_(options), file_{bytes} {}
  ~SndfileReader() override {
    if (decoder_ != nullptr) sf_close(decoder_);
  }
  SndfileReader(const SndfileReader&) = delete;
  SndfileReader& operator=(const SndfileReader&) = delete;

  absl::Status Start(AudioFormat format);
  const AudioInfo& info() const override { return info_; }
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
  MemoryFile file_;
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

absl::Status SndfileReader::Read(int64_t max_frames, std::vector<float>& samples) {
  samples.clear();
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

}  // namespace strata::models
