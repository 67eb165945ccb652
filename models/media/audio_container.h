// What the containers of audio files promise about their own length. libsndfile plays what is there
// and says nothing of what is missing; a service has to.
#ifndef STRATA_MODELS_MEDIA_AUDIO_CONTAINER_H_
#define STRATA_MODELS_MEDIA_AUDIO_CONTAINER_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "models/media/audio_reader.h"

namespace strata::models {

// WAV: a header whose parts contradict each other, chunks that reach beyond the file (a data chunk
// of 0xFFFFFFFF bytes, the mark of a writer that did not know its length, reaches to its end). Ogg:
// a last page that is cut, missing or not marked as the last. FLAC and MP3 promise nothing here.
// INVALID_ARGUMENT says which bytes; the message carries no file name.
absl::Status CheckAudioContainer(AudioFormat format, std::string_view bytes);

// Where the samples of a WAV file are.
struct WavLayout {
  int64_t data_begin = 0;   // byte
  int64_t data_bytes = -1;  // -1: up to the end of the file, wherever that is
  int64_t frame_bytes = 0;
  bool fixed_frames = false;  // a frame is frame_bytes for itself (PCM, float, G.711)
};

// From a file's first bytes. Nothing: the header is not there yet (a file that is complete has no
// data chunk). INVALID_ARGUMENT: a header whose parts contradict each other; no file name in it.
absl::StatusOr<std::optional<WavLayout>> FindWavData(std::string_view bytes);

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_AUDIO_CONTAINER_H_
