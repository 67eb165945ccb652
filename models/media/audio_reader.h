// Decodes an audio file of any supported format into float samples, chunk by chunk.
//
// WAV (8 to 32 bit, float, RF64, G.711 and ADPCM), FLAC, Ogg (Vorbis, Opus, FLAC) and MP3, by
// libsndfile. An integer sample becomes itself / 2^(bits-1); float samples stay as they are. Opus
// is decoded at the rate nearest to the one of its original.
#ifndef STRATA_MODELS_MEDIA_AUDIO_READER_H_
#define STRATA_MODELS_MEDIA_AUDIO_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "models/media/byte_feed.h"

namespace strata::models {

enum class AudioFormat : uint8_t { kWav, kFlac, kOgg, kMp3 };

std::string_view AudioFormatName(AudioFormat format);  // "WAV", "FLAC", ...

// By the first bytes; a file's name has no say. Nothing: not audio of these formats.
std::optional<AudioFormat> DetectAudioFormat(std::string_view bytes);

// All but the last are checked before a sample is decoded.
struct AudioLimits {
  int64_t max_source_bytes = int64_t{1} << 30;
  int32_t max_sample_rate = 384'000;  // Hz
  int32_t max_channels = 32;
  int64_t max_seconds = 4 * 3600;
};

struct AudioReadOptions {
  AudioLimits limits;
  std::string name;  // of the file, for messages; may be empty
};

struct AudioInfo {
  AudioFormat format = AudioFormat::kWav;
  int32_t sample_rate = 0;  // Hz
  int32_t num_channels = 0;
  int64_t num_frames = -1;  // -1: the file does not say
};

// Whether the first bytes of a file are the header of a WAV whose samples can be read one by one
// (PCM, float, G.711). Nothing: that cannot be told yet. Other formats have to be there whole.
std::optional<bool> CanBeHeardAsItArrives(std::string_view bytes);

// One pass over one file. Holds one decoder; memory does not grow with the file. Not thread-safe;
// separate readers may be used at the same time.
class AudioReader {
 public:
  // `bytes` must outlive the reader. INVALID_ARGUMENT: not audio, broken, a header that claims more
  // than the file holds, no samples at all. UNIMPLEMENTED: a coding that is not read.
  // RESOURCE_EXHAUSTED: a limit above, named.
  static absl::StatusOr<std::unique_ptr<AudioReader>> Open(std::string_view bytes,
                                                           const AudioReadOptions& options = {});
  // A file that is still arriving. Of the whole file's checks those that need its end come when it
  // is there; max_source_bytes is the sender's to check. INVALID_ARGUMENT also where not
  // CanBeHeardAsItArrives.
  static absl::StatusOr<std::unique_ptr<AudioReader>> Open(std::shared_ptr<ByteFeed> feed,
                                                           const AudioReadOptions& options = {});
  virtual ~AudioReader() = default;

  virtual const AudioInfo& info() const = 0;

  // Frames that Read can give now; more come if the feed does, and its end with the feed's. Of a
  // whole file, and once all of a feed has arrived: no bound.
  virtual int64_t frames_ready() const = 0;

  // Replaces `samples` by the next frames, interleaved [frames, channels], at most `max_frames`;
  // none at the end of the file. INVALID_ARGUMENT: the file ends before the end that it promised,
  // its data are damaged, or a sample is NaN, infinite or beyond ±1e6, with its place.
  // RESOURCE_EXHAUSTED: more than max_seconds. After an error there is no more to read.
  // Damage that a format cannot notice (flipped bits of a WAV) goes unnoticed.
  virtual absl::Status Read(int64_t max_frames, std::vector<float>& samples) = 0;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_AUDIO_READER_H_
