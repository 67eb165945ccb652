#include "models/engine/sound_windows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::models {

absl::Status SoundCutter::Push(absl::Span<const float> samples, std::vector<SoundWindow>& windows) {
  buffer_.insert(buffer_.end(), samples.begin(), samples.end());
  num_samples_ += static_cast<int64_t>(samples.size());
  if (spec_.whole) {
    if (num_samples_ <= spec_.max_whole) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", spec_.max_whole, " samples at ", spec_.sample_rate,
                     " Hz, which is the most that this model hears as one; cut the sound"));
  }
  // One sample more than a window: then it is not the last.
  while (next_ + spec_.window_samples < num_samples_) {
    const int64_t end = next_ + spec_.window_samples;
    windows.push_back(Take(next_, end, end - spec_.overlap_samples / 2));
    next_ += spec_.window_samples - spec_.overlap_samples;
    DropBefore(std::min(next_, num_samples_ - spec_.window_samples));
  }
  return absl::OkStatus();
}

absl::Status SoundCutter::Finish(std::vector<SoundWindow>& windows) {
  if (num_samples_ < spec_.min_samples) {
    return absl::InvalidArgumentError(
        absl::StrCat("a sound of ", num_samples_, " samples at ", spec_.sample_rate,
                     " Hz is too short; this model needs ", spec_.min_samples));
  }
  const int64_t begin = spec_.whole ? 0 : std::max<int64_t>(0, num_samples_ - spec_.window_samples);
  windows.push_back(Take(begin, num_samples_, num_samples_));
  return absl::OkStatus();
}

SoundWindow SoundCutter::Take(int64_t begin, int64_t end, int64_t told_end) {
  SoundWindow window;
  const auto first = buffer_.begin() + (begin - buffer_begin_);
  window.samples.assign(first, first + (end - begin));
  window.begin = begin;
  window.end = end;
  window.told_begin = std::exchange(told_, told_end);
  window.told_end = told_end;
  return window;
}

void SoundCutter::DropBefore(int64_t sample) {
  // In large steps: each one moves what is left.
  if (sample - buffer_begin_ < spec_.window_samples / 2) return;
  buffer_.erase(buffer_.begin(), buffer_.begin() + (sample - buffer_begin_));
  buffer_begin_ = sample;
}

namespace {

void AddWeighted(const std::vector<float>& values, double weight, std::vector<double>& sum) {
  sum.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) sum[i] += weight * values[i];
}

std::vector<float> Divided(const std::vector<double>& sum, double weight) {
  std::vector<float> mean;
  for (const double value : sum) mean.push_back(static_cast<float>(value / weight));
  return mean;
}

}  // namespace

SoundTally::SoundTally(int32_t sample_rate, int32_t num_classes, const SoundEventOptions& options,
                       SoundEventDetector::Callback on_event)
    : sample_rate_(sample_rate), num_classes_(static_cast<size_t>(num_classes)) {
  if (on_event) detector_.emplace(num_classes, options, std::move(on_event));
}

void SoundTally::Add(const SoundWindow& window, const SoundWindowAnswer& answer) {
  const int64_t told = window.told_end - window.told_begin;
  AddWeighted(answer.scores, static_cast<double>(told), scores_);
  AddWeighted(answer.vector, static_cast<double>(told), vector_);
  if (detector_ && num_classes_ > 0) Tell(window, answer.moment_scores);
  told_samples_ += told;
  ++num_windows_;
}

// Of scores [M, K], those of the told stretch, cut at its ends.
void SoundTally::Tell(const SoundWindow& window, const std::vector<float>& scores) {
  const size_t moments = scores.size() / num_classes_;
  const auto length = static_cast<double>(window.end - window.begin);
  const auto place = [&](size_t moment) {
    return static_cast<double>(window.begin) +
           length * static_cast<double>(moment) / static_cast<double>(moments);
  };
  for (size_t m = 0; m < moments; ++m) {
    const double begin = std::max(place(m), static_cast<double>(window.told_begin));
    const double end = std::min(place(m + 1), static_cast<double>(window.told_end));
    if (end - begin < 1) continue;  // nothing of it, or less than a sample
    detector_->Add(begin / sample_rate_, end / sample_rate_,
                   absl::MakeConstSpan(scores).subspan(m * num_classes_, num_classes_));
  }
}

SoundSummary SoundTally::Finish() {
  if (detector_) detector_->Finish();
  SoundSummary summary;
  summary.seconds = static_cast<double>(told_samples_) / sample_rate_;
  summary.num_windows = num_windows_;
  const auto weight = static_cast<double>(told_samples_);
  summary.scores = Divided(scores_, weight);
  summary.vector = Divided(vector_, weight);
  return summary;
}

}  // namespace strata::models
