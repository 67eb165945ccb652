#include "models/media/waveform_reader.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

void MixToMono(const std::vector<float>& frames, int32_t num_channels, std::vector<float>& mono) {
  const auto channels = static_cast<size_t>(num_channels);
  mono.resize(frames.size() / channels);
  for (size_t frame = 0; frame < mono.size(); ++frame) {
    float sum = 0;
    for (size_t channel = 0; channel < channels; ++channel) {
      sum += frames[frame * channels + channel];
    }
    mono[frame] = sum / static_cast<float>(num_channels);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<WaveformReader>> WaveformReader::Open(
    std::string_view bytes, const WaveformOptions& options) {
  auto reader = AudioReader::Open(bytes, options.read);
  if (!reader.ok()) return reader.status();
  return Over(*std::move(reader), options);
}

absl::StatusOr<std::unique_ptr<WaveformReader>> WaveformReader::Open(
    std::shared_ptr<ByteFeed> feed, const WaveformOptions& options) {
  auto reader = AudioReader::Open(std::move(feed), options.read);
  if (!reader.ok()) return reader.status();
  return Over(*std::move(reader), options);
}

absl::StatusOr<std::unique_ptr<WaveformReader>> WaveformReader::Over(
    std::unique_ptr<AudioReader> reader, const WaveformOptions& options) {
  auto resampler =
      Resampler::Create(options.method, reader->info().sample_rate, options.sample_rate);
  if (!resampler.ok()) return resampler.status();
  return std::unique_ptr<WaveformReader>(
      new WaveformReader(std::move(reader), *std::move(resampler)));
}

absl::StatusOr<bool> WaveformReader::Read(std::vector<float>& samples) {
  if (done_) return false;
  const int64_t frames = std::min<int64_t>(source().sample_rate, reader_->frames_ready());
  absl::Status status = reader_->Read(frames, frames_);
  if (!status.ok()) return status;
  done_ = frames_.empty();
  MixToMono(frames_, source().num_channels, mono_);
  status = done_ ? resampler_->Finish(samples) : resampler_->Push(mono_, samples);
  if (!status.ok()) return status;
  return !done_;
}

absl::StatusOr<std::vector<float>> ReadWaveform(std::string_view bytes,
                                                const WaveformOptions& options,
                                                int64_t max_samples) {
  auto reader = WaveformReader::Open(bytes, options);
  if (!reader.ok()) return reader.status();
  std::vector<float> samples;
  while (true) {
    auto more = (*reader)->Read(samples);
    if (!more.ok()) return more.status();
    if (static_cast<int64_t>(samples.size()) > max_samples) {
      return absl::ResourceExhaustedError(absl::StrCat(
          options.read.name.empty() ? "audio" : options.read.name, ": more than ", max_samples,
          " samples at ", options.sample_rate, " Hz; read it as a stream"));
    }
    if (!*more) return samples;
  }
}

}  // namespace strata::models
