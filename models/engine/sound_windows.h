// Cuts a sound, as it arrives, into the windows that a model looks at, and puts together what was
// said of them.
#ifndef STRATA_MODELS_ENGINE_SOUND_WINDOWS_H_
#define STRATA_MODELS_ENGINE_SOUND_WINDOWS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "models/engine/sound_events.h"

namespace strata::models {

struct SoundWindow {
  std::vector<float> samples;
  int64_t begin = 0, end = 0;            // samples of the sound
  int64_t told_begin = 0, told_end = 0;  // the stretch whose moments are taken from this window
};

// What a model says of one window. K classes, C numbers of a vector, M moments: equal parts of the
// window in order of time.
struct SoundWindowAnswer {
  std::vector<float> scores;         // [K] probabilities; empty without a head
  std::vector<float> vector;         // [C]
  std::vector<float> moment_scores;  // [M, K] probabilities; empty without a timeline
};

struct SoundWindowSpec {
  int32_t sample_rate = 0;         // Hz
  int64_t window_samples = 0;      // of one window
  int64_t overlap_samples = 0;     // shared by neighbours
  int64_t min_samples = 1;         // of a sound
  bool whole = false;              // one window, as long as the sound is
  int64_t max_whole = 1LL << 27U;  // samples of a sound that is kept whole
};

// Windows lie window − overlap apart. All but the last are whole; the last one ends where the sound
// does and reaches back, so that it is whole too if the sound is that long. Keeps less than two
// windows of the sound unless it is kept whole. Not thread-safe.
class SoundCutter {
 public:
  explicit SoundCutter(const SoundWindowSpec& spec) : spec_(spec) {}

  // Appends to `windows` what is sure to be a window and not the last. RESOURCE_EXHAUSTED: a sound
  // over max_whole that would have to be kept whole.
  absl::Status Push(absl::Span<const float> samples, std::vector<SoundWindow>& windows);
  // Appends the last window; there always is one. INVALID_ARGUMENT: the sound is too short.
  absl::Status Finish(std::vector<SoundWindow>& windows);

  int64_t num_samples() const { return num_samples_; }

 private:
  SoundWindow Take(int64_t begin, int64_t end, int64_t told_end);
  void DropBefore(int64_t sample);

  const SoundWindowSpec spec_;
  std::vector<float> buffer_;  // samples from buffer_begin_ on
  int64_t buffer_begin_ = 0;
  int64_t num_samples_ = 0;  // arrived
  int64_t next_ = 0;         // begin of the next window
  int64_t told_ = 0;         // samples whose moments have been given to a window
};

// Of a whole sound.
struct SoundSummary {
  double seconds = 0;
  int64_t num_windows = 0;
  std::vector<float> scores;  // by class, the mean over windows; empty without a head
  std::vector<float> vector;  // the mean over windows, not normalised
};

// Means over windows, each weighted by its told stretch, and the events of their moments. Memory
// does not grow with the windows. Not thread-safe.
class SoundTally {
 public:
  // `on_event` may be null: nobody asks for events.
  SoundTally(int32_t sample_rate, int32_t num_classes, const SoundEventOptions& options,
             SoundEventDetector::Callback on_event);

  // In order of time.
  void Add(const SoundWindow& window, const SoundWindowAnswer& answer);
  // Ends what is open.
  SoundSummary Finish();

 private:
  void Tell(const SoundWindow& window, const std::vector<float>& scores);

  const int32_t sample_rate_;
  const size_t num_classes_;
  std::optional<SoundEventDetector> detector_;
  int64_t num_windows_ = 0, told_samples_ = 0;
  std::vector<double> scores_, vector_;  // sums, weighted by told samples
};

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_SOUND_WINDOWS_H_
