#include "models/engine/sound_events.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::models {

absl::Status CheckSoundEventOptions(const SoundEventOptions& options) {
  if (!(options.threshold > 0 && options.threshold <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an event threshold of ", options.threshold, "; it is above 0 and at most 1"));
  }
  if (!(options.max_pause_s >= 0) || !(options.min_event_s >= 0)) {
    return absl::InvalidArgumentError("max_pause_s and min_event_s are 0 seconds or more");
  }
  return absl::OkStatus();
}

SoundEventDetector::SoundEventDetector(int32_t num_classes, const SoundEventOptions& options,
                                       Callback on_event)
    : options_(options), on_event_(std::move(on_event)), open_(static_cast<size_t>(num_classes)) {}

void SoundEventDetector::Add(double begin_s, double end_s, absl::Span<const float> scores) {
  for (size_t label = 0; label < open_.size(); ++label) {
    Open& open = open_[label];
    const float score = scores[label];
    // Over once the pause has lasted long enough, whatever comes next.
    if (open.active && score < options_.threshold &&
        end_s - open.event.end_s > options_.max_pause_s) {
      Close(open);
    }
    if (score < options_.threshold) continue;
    if (!open.active) open = {true, {static_cast<int32_t>(label), begin_s, end_s, score}};
    open.event.end_s = end_s;
    open.event.peak = std::max(open.event.peak, score);
  }
}

void SoundEventDetector::Finish() {
  for (Open& open : open_) {
    if (open.active) Close(open);
  }
}

void SoundEventDetector::Close(Open& open) {
  open.active = false;
  if (open.event.end_s - open.event.begin_s >= options_.min_event_s) on_event_(open.event);
}

}  // namespace strata::models
