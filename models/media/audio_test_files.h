// Audio files for tests, written by libsndfile or by hand.
#ifndef STRATA_MODELS_MEDIA_AUDIO_TEST_FILES_H_
#define STRATA_MODELS_MEDIA_AUDIO_TEST_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace strata::models {

// `samples` interleaved; `sndfile_format` as SF_INFO takes it. The file's bytes; ends the test
// program where this machine's libsndfile cannot write the format.
std::string WriteAudio(const std::vector<float>& samples, int32_t num_channels, int32_t sample_rate,
                       int sndfile_format);

// A tone of `hertz` in every channel, channel c at amplitude 0.5 / (c + 1); interleaved.
std::vector<float> Tone(double hertz, int64_t num_frames, int32_t num_channels,
                        int32_t sample_rate);

// Little-endian bytes of a number, for headers written by hand.
std::string Little(uint64_t value, int num_bytes);

// A WAV header for plain PCM or float (`coding` 1 or 3) and `body` as its data chunk, whose length
// is claimed to be `claimed_bytes`.
std::string WavOf(uint16_t coding, uint16_t channels, uint32_t rate, uint16_t bits,
                  const std::string& body, uint32_t claimed_bytes);

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_AUDIO_TEST_FILES_H_
