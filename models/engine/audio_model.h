// A loaded audio model: sounds in, tags, events and vectors out, as files or as they arrive.
#ifndef STRATA_MODELS_ENGINE_AUDIO_MODEL_H_
#define STRATA_MODELS_ENGINE_AUDIO_MODEL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/engine/sound_events.h"
#include "models/engine/sound_windows.h"
#include "models/media/audio_reader.h"
#include "models/media/waveform_reader.h"

namespace strata::models {

struct AudioModelInfo {
  std::string architecture;
  std::string model_type;           // config.json: model_type
  std::vector<std::string> labels;  // by class; "0", "1", … where the folder names none
  bool single_label = false;        // scores of a sound sum to 1
  int64_t num_parameters = 0;
  int64_t weight_bytes = 0;
  int32_t hidden_size = 0;  // of a vector
  int32_t num_layers = 0;
  int32_t sample_rate = 0;  // Hz
  double window_s = 0;      // what one pass looks at
  // A sound of any length has a vector by the architecture's own rule; of others it is the mean
  // over windows.
  bool takes_any_length = false;
};

struct ListenOptions {
  SoundEventOptions events;
  // Neighbouring windows share this much, and each moment is taken from the window in which it lies
  // further from the border. At most half a window.
  double overlap_s = 0;
  // This many windows are computed in one pass. More is faster; events come that much later.
  int32_t windows_per_pass = 1;
  std::function<bool()> cancelled;  // may be null
};

// One sound as it arrives. Keeps less than windows_per_pass + 2 windows of it, however long it is.
// Not thread-safe.
class SoundListener {
 public:
  virtual ~SoundListener() = default;
  // The next samples: one channel at the model's rate. Computes when a window is full and calls
  // back from within. CANCELLED; INTERNAL.
  virtual absl::Status Push(absl::Span<const float> samples) = 0;
  // Computes the rest and ends all events. INVALID_ARGUMENT: no sound, or too short for this model.
  virtual absl::StatusOr<SoundSummary> Finish() = 0;
};

// Immutable once loaded; every method is safe from many threads at once.
class AudioModel {
 public:
  // `folder`: config.json, *.safetensors and, where the architecture has one,
  // preprocessor_config.json. NOT_FOUND, INVALID_ARGUMENT (names the file and the key).
  static absl::StatusOr<std::shared_ptr<const AudioModel>> Load(const std::string& folder);
  virtual ~AudioModel() = default;

  virtual const AudioModelInfo& info() const = 0;

  // `on_event` is called as events end; null: nobody asks. INVALID_ARGUMENT: an option that cannot
  // be; events asked of a model without a timeline.
  virtual absl::StatusOr<std::unique_ptr<SoundListener>> Listen(
      const ListenOptions& options, SoundEventDetector::Callback on_event) const = 0;

  // An encoded sound, decoded while it is listened to. Errors also those of AudioReader.
  virtual absl::StatusOr<SoundSummary> ListenToFile(
      std::string_view bytes, const AudioReadOptions& read, const ListenOptions& options,
      SoundEventDetector::Callback on_event) const = 0;

  // The parts of Listen, for who reads and computes by itself. Decoding to the model's rate, and
  // its windows; `whole`: the sound as one, where the model takes_any_length.
  virtual WaveformOptions wave(const AudioReadOptions& read) const = 0;
  virtual SoundWindowSpec windows(double overlap_s, bool whole) const = 0;
  // Windows of any sounds in one pass: an answer each. CANCELLED; INTERNAL.
  virtual absl::StatusOr<std::vector<SoundWindowAnswer>> Run(
      absl::Span<const SoundWindow* const> windows,
      const std::function<bool()>& cancelled) const = 0;

  // A vector of a whole sound by the model's own rule for its length. [hidden_size], not
  // normalised.
  virtual absl::StatusOr<std::vector<float>> Embed(std::string_view bytes,
                                                   const AudioReadOptions& read) const = 0;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_AUDIO_MODEL_H_
