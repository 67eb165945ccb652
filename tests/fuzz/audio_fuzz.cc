// Sound files of every format, decoded and resampled.
#include <sndfile.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "models/media/audio_test_files.h"
#include "models/media/waveform_reader.h"
#include "tests/fuzz/fuzz_target.h"

// libsndfile 1.2.0 loses 6 KB where the second header of a Vorbis stream is broken.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:vorbis_info_init\n"; }

namespace strata::fuzz {

std::vector<std::string> Seeds() {
  const auto tone = [](int channels, int rate) {
    return models::Tone(440, rate / 20, channels, rate);
  };
  return {models::WriteAudio(tone(1, 8000), 1, 8000, SF_FORMAT_WAV | SF_FORMAT_PCM_16),
          models::WriteAudio(tone(2, 16000), 2, 16000, SF_FORMAT_WAV | SF_FORMAT_FLOAT),
          models::WriteAudio(tone(2, 16000), 2, 16000, SF_FORMAT_FLAC | SF_FORMAT_PCM_16),
          models::WriteAudio(tone(1, 16000), 1, 16000, SF_FORMAT_OGG | SF_FORMAT_VORBIS),
          models::WriteAudio(tone(1, 48000), 1, 48000, SF_FORMAT_OGG | SF_FORMAT_OPUS)};
}

void Run(std::string_view input) {
  models::WaveformOptions options;
  options.read.limits.max_seconds = 60;
  constexpr int64_t kMaxSamples = 1 << 20;
  const auto samples = models::ReadWaveform(input, options, kMaxSamples);
  if (!samples.ok()) return;
  Require(static_cast<int64_t>(samples->size()) <= kMaxSamples, "max_samples");
  for (const float sample : *samples) Require(std::isfinite(sample), "samples are numbers");
}

}  // namespace strata::fuzz
