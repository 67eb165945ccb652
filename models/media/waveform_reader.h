// An audio file as the networks hear it: one channel (the mean of all, taken before resampling) at
// one rate. Source: librosa.load and the feature extractors of transformers.
#ifndef STRATA_MODELS_MEDIA_WAVEFORM_READER_H_
#define STRATA_MODELS_MEDIA_WAVEFORM_READER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "models/media/audio_reader.h"
#include "models/media/resampler.h"

namespace strata::models {

struct WaveformOptions {
  AudioReadOptions read;
  int32_t sample_rate = 16'000;  // Hz, of the result
  ResampleMethod method = ResampleMethod::kSoxrHq;
};

// Decodes as it is asked; memory does not grow with the file. Not thread-safe.
class WaveformReader {
 public:
  // `bytes` must outlive the reader. Errors: AudioReader::Open and Resampler::Create.
  static absl::StatusOr<std::unique_ptr<WaveformReader>> Open(std::string_view bytes,
                                                              const WaveformOptions& options);

  // Of a file that is still arriving: AudioReader::Open of a feed.
  static absl::StatusOr<std::unique_ptr<WaveformReader>> Open(std::shared_ptr<ByteFeed> feed,
                                                              const WaveformOptions& options);

  const AudioInfo& source() const { return reader_->info(); }

  // Nothing can be read before more of the file arrives. Read would call that its end.
  bool must_wait() const { return !done_ && reader_->frames_ready() <= 0; }

  // Appends about a second of sound to `samples`. False: that was the last of it. Errors:
  // AudioReader::Read.
  absl::StatusOr<bool> Read(std::vector<float>& samples);

 private:
  static absl::StatusOr<std::unique_ptr<WaveformReader>> Over(std::unique_ptr<AudioReader> reader,
                                                              const WaveformOptions& options);
  WaveformReader(std::unique_ptr<AudioReader> reader, std::unique_ptr<Resampler> resampler)
      : reader_(std::move(reader)), resampler_(std::move(resampler)) {}

  std::unique_ptr<AudioReader> reader_;
  std::unique_ptr<Resampler> resampler_;
  std::vector<float> frames_, mono_;
  bool done_ = false;
};

// The whole of it. RESOURCE_EXHAUSTED also for more than `max_samples` samples of the result.
absl::StatusOr<std::vector<float>> ReadWaveform(std::string_view bytes,
                                                const WaveformOptions& options,
                                                int64_t max_samples = int64_t{1} << 27);

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_WAVEFORM_READER_H_
