// From scores of moments, as they come, to events with a begin and an end.
#ifndef STRATA_MODELS_ENGINE_SOUND_EVENTS_H_
#define STRATA_MODELS_ENGINE_SOUND_EVENTS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace strata::models {

struct SoundEvent {
  int32_t label = 0;              // index of the class
  double begin_s = 0, end_s = 0;  // seconds from the start of the sound
  float peak = 0;                 // highest score inside
};

struct SoundEventOptions {
  float threshold = 0.5F;    // a class is heard where its score reaches this
  double max_pause_s = 0.5;  // shorter pauses do not end an event
  double min_event_s = 0;    // shorter events are not told
};

// INVALID_ARGUMENT: a threshold outside 0..1, a negative time.
absl::Status CheckSoundEventOptions(const SoundEventOptions& options);

// Holds one open event a class and nothing else. Not thread-safe.
class SoundEventDetector {
 public:
  using Callback = std::function<void(const SoundEvent&)>;

  SoundEventDetector(int32_t num_classes, const SoundEventOptions& options, Callback on_event);

  // The next moment: [begin_s, end_s) with a score for each class. Calls back for every event that
  // is now over, in the order of the classes.
  void Add(double begin_s, double end_s, absl::Span<const float> scores);
  // Ends what is open.
  void Finish();

 private:
  struct Open {
    bool active = false;
    SoundEvent event;
  };
  void Close(Open& open);

  const SoundEventOptions options_;
  const Callback on_event_;
  std::vector<Open> open_;  // by class
};

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_SOUND_EVENTS_H_
