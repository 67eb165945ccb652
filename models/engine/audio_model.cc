#include "models/engine/audio_model.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/model_weights.h"
#include "models/engine/registry.h"
#include "models/media/waveform_reader.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

// ATen reports by exceptions; none may leave a public function.
template <typename Result>
Result Guarded(const std::function<Result()>& work) {
  try {
    const c10::InferenceMode inference;
    return work();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("not enough memory for this sound");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("the forward pass failed: ", error.what()));
  }
}

at::Tensor SoundOf(absl::Span<const float> samples) {
  return at::from_blob(const_cast<float*>(samples.data()), {static_cast<int64_t>(samples.size())},
                       at::kFloat)
      .clone();
}

std::vector<float> ToVector(const at::Tensor& row) {
  const at::Tensor values = row.to(at::kFloat).contiguous();
  const auto* data = values.const_data_ptr<float>();
  return {data, data + values.numel()};
}

// Windows lie W − overlap apart. All but the last are whole; the last one ends where the sound does
// and reaches back, so that it is whole too if the sound is that long.
class WindowListener : public SoundListener {
 public:
  WindowListener(const AudioEncoder& encoder, const ListenOptions& options,
                 SoundEventDetector::Callback on_event)
      : encoder_(encoder),
        info_(encoder.info()),
        options_(options),
        overlap_(static_cast<int64_t>(options.overlap_s * info_.sample_rate)),
        hop_(info_.window_samples - overlap_) {
    if (on_event) {
      detector_.emplace(info_.num_classes, options.events, std::move(on_event));
    }
  }

  absl::Status Push(absl::Span<const float> samples) override {
    buffer_.insert(buffer_.end(), samples.begin(), samples.end());
    num_samples_ += static_cast<int64_t>(samples.size());
    // One sample more than a window: then it is not the last.
    while (next_ + info_.window_samples < num_samples_) {
      absl::Status status =
          Take(next_, next_ + info_.window_samples, next_ + info_.window_samples - overlap_ / 2);
      if (!status.ok()) return status;
      next_ += hop_;
      DropBefore(std::min(next_, num_samples_ - info_.window_samples));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<SoundSummary> Finish() override {
    if (num_samples_ < info_.min_samples) {
      return absl::InvalidArgumentError(
          absl::StrCat("a sound of ", num_samples_, " samples at ", info_.sample_rate,
                       " Hz is too short; this model needs ", info_.min_samples));
    }
    const int64_t begin = std::max<int64_t>(0, num_samples_ - info_.window_samples);
    absl::Status status = Take(begin, num_samples_, num_samples_);
    if (status.ok()) status = Compute();
    if (!status.ok()) return status;
    if (detector_) detector_->Finish();
    SoundSummary summary;
    summary.seconds = Seconds(num_samples_);
    summary.num_windows = num_windows_;
    const auto weight = static_cast<double>(num_samples_);
    if (scores_.defined()) summary.scores = ToVector(scores_ / weight);
    if (vector_.defined()) summary.vector = ToVector(vector_ / weight);
    return summary;
  }

 private:
  struct Window {
    at::Tensor sound;
    int64_t begin, end;            // samples of the sound
    int64_t told_begin, told_end;  // the stretch whose moments are taken from this window
  };

  double Seconds(int64_t samples) const { return static_cast<double>(samples) / info_.sample_rate; }

  void DropBefore(int64_t sample) {
    // In large steps: each one moves what is left.
    if (sample - buffer_begin_ < info_.window_samples / 2) return;
    buffer_.erase(buffer_.begin(), buffer_.begin() + (sample - buffer_begin_));
    buffer_begin_ = sample;
  }

  absl::Status Take(int64_t begin, int64_t end, int64_t told_end) {
    const auto samples = absl::MakeConstSpan(buffer_).subspan(
        static_cast<size_t>(begin - buffer_begin_), static_cast<size_t>(end - begin));
    pending_.push_back({SoundOf(samples), begin, end, told_, told_end});
    told_ = told_end;
    if (static_cast<int32_t>(pending_.size()) < options_.windows_per_pass) return absl::OkStatus();
    return Compute();
  }

  absl::Status Compute() {
    if (pending_.empty()) return absl::OkStatus();
    return Guarded<absl::Status>([this] {
      std::vector<at::Tensor> sounds;
      for (const Window& window : pending_) sounds.push_back(window.sound);
      auto features = encoder_.Forward(sounds, options_.cancelled);
      if (!features.ok()) return features.status();
      for (size_t i = 0; i < pending_.size(); ++i) {
        const auto row = static_cast<int64_t>(i);
        const auto weight = static_cast<double>(pending_[i].told_end - pending_[i].told_begin);
        const auto add = [&](at::Tensor& sum, const at::Tensor& rows) {
          if (!rows.defined()) return;
          const at::Tensor weighted = rows[row].to(at::kDouble) * weight;
          sum = sum.defined() ? sum + weighted : weighted;
        };
        add(scores_, features->scores);
        add(vector_, features->pooled);
        if (detector_) Tell(pending_[i], features->frame_scores[row].contiguous());
      }
      num_windows_ += static_cast<int64_t>(pending_.size());
      pending_.clear();
      return absl::OkStatus();
    });
  }

  // scores [M, K] of a window's moments; those of the told stretch, cut at its ends.
  void Tell(const Window& window, const at::Tensor& scores) {
    const int64_t moments = scores.size(0), classes = scores.size(1);
    const auto length = static_cast<double>(window.end - window.begin);
    const auto place = [&](int64_t moment) {
      return static_cast<double>(window.begin) +
             length * static_cast<double>(moment) / static_cast<double>(moments);
    };
    for (int64_t m = 0; m < moments; ++m) {
      const double begin = std::max(place(m), static_cast<double>(window.told_begin));
      const double end = std::min(place(m + 1), static_cast<double>(window.told_end));
      if (end - begin < 1) continue;  // nothing of it, or less than a sample
      detector_->Add(begin / info_.sample_rate, end / info_.sample_rate,
                     {scores.const_data_ptr<float>() + m * classes, static_cast<size_t>(classes)});
    }
  }

  const AudioEncoder& encoder_;
  const AudioEncoderInfo& info_;
  const ListenOptions options_;
  const int64_t overlap_, hop_;
  std::optional<SoundEventDetector> detector_;

  std::vector<float> buffer_;  // samples from buffer_begin_ on
  int64_t buffer_begin_ = 0;
  int64_t num_samples_ = 0;  // arrived
  int64_t next_ = 0;         // begin of the next window
  int64_t told_ = 0;         // samples whose moments have been given to a window
  std::vector<Window> pending_;
  int64_t num_windows_ = 0;
  at::Tensor scores_, vector_;  // sums over windows, weighted by told samples
};

class LoadedAudioModel : public AudioModel {
 public:
  LoadedAudioModel(AudioModelInfo info, std::unique_ptr<const AudioEncoder> encoder)
      : info_(std::move(info)), encoder_(std::move(encoder)) {}

  const AudioModelInfo& info() const override { return info_; }

  absl::StatusOr<std::unique_ptr<SoundListener>> Listen(
      const ListenOptions& options, SoundEventDetector::Callback on_event) const override {
    if (absl::Status status = CheckSoundEventOptions(options.events); !status.ok()) return status;
    if (!(options.overlap_s >= 0 && options.overlap_s <= info_.window_s / 2)) {
      return absl::InvalidArgumentError(absl::StrCat("an overlap of ", options.overlap_s,
                                                     " s; windows of ", info_.window_s,
                                                     " s may share up to half"));
    }
    if (options.windows_per_pass < 1 || options.windows_per_pass > 1024) {
      return absl::InvalidArgumentError(
          absl::StrCat(options.windows_per_pass, " windows a pass, outside 1..1024"));
    }
    if (on_event && encoder_->info().num_classes == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a ", info_.model_type, " names no sounds, so there are no events; ask it for vectors"));
    }
    return std::make_unique<WindowListener>(*encoder_, options, std::move(on_event));
  }

  absl::StatusOr<SoundSummary> ListenToFile(std::string_view bytes, const AudioReadOptions& read,
                                            const ListenOptions& options,
                                            SoundEventDetector::Callback on_event) const override {
    auto reader = WaveformReader::Open(bytes, WaveOptions(read));
    if (!reader.ok()) return reader.status();
    auto listener = Listen(options, std::move(on_event));
    if (!listener.ok()) return listener.status();
    std::vector<float> samples;
    for (bool more = true; more;) {
      samples.clear();
      auto result = (*reader)->Read(samples);
      if (!result.ok()) return result.status();
      more = *result;
      if (absl::Status status = (*listener)->Push(samples); !status.ok()) return status;
    }
    return (*listener)->Finish();
  }

  absl::StatusOr<std::vector<float>> Embed(std::string_view bytes,
                                           const AudioReadOptions& read) const override {
    if (!encoder_->info().takes_any_length) {
      auto summary = ListenToFile(bytes, read, {}, nullptr);
      if (!summary.ok()) return summary.status();
      return summary->vector;
    }
    auto samples = ReadWaveform(bytes, WaveOptions(read));
    if (!samples.ok()) return samples.status();
    using Result = absl::StatusOr<std::vector<float>>;
    return Guarded<Result>([&]() -> Result {
      auto features = encoder_->Forward({SoundOf(*samples)}, nullptr);
      if (!features.ok()) return features.status();
      return ToVector(features->pooled[0]);
    });
  }

 private:
  WaveformOptions WaveOptions(const AudioReadOptions& read) const {
    WaveformOptions options;
    options.read = read;
    options.sample_rate = encoder_->info().sample_rate;
    options.method = encoder_->info().resampling;
    return options;
  }

  const AudioModelInfo info_;
  const std::unique_ptr<const AudioEncoder> encoder_;
};

// Empty: no such file.
std::string ReadIfThere(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

absl::StatusOr<std::shared_ptr<const AudioModel>> LoadFolder(const std::string& folder) {
  const std::filesystem::path root(folder);
  const std::string config_json = ReadIfThere(root / "config.json");
  if (config_json.empty()) {
    return absl::NotFoundError(absl::StrCat(folder, " holds no config.json"));
  }
  const nlohmann::json config = nlohmann::json::parse(config_json, nullptr, false);
  if (!config.is_object() || !config.contains("model_type") || !config["model_type"].is_string()) {
    return absl::InvalidArgumentError(absl::StrCat(folder, "/config.json names no model_type"));
  }
  AudioModelInfo info;
  info.model_type = config["model_type"].get<std::string>();
  auto loader = FindAudioEncoderLoader(info.model_type);
  if (!loader.ok()) return loader.status();
  auto weights = ReadModelWeights(folder);
  if (!weights.ok()) return weights.status();
  auto encoder =
      (*loader)(config_json, ReadIfThere(root / "preprocessor_config.json"), *weights, folder);
  if (!encoder.ok()) return encoder.status();
  const AudioEncoderInfo& from = (*encoder)->info();
  info.architecture = from.architecture;
  info.labels = from.labels;
  for (int32_t i = static_cast<int32_t>(info.labels.size()); i < from.num_classes; ++i) {
    info.labels.push_back(absl::StrCat(i));
  }
  info.single_label = from.single_label;
  for (const auto& [key, view] : *weights) {
    info.num_parameters += view.num_elements();
    info.weight_bytes += view.size_bytes;
  }
  info.hidden_size = from.hidden_size;
  info.num_layers = from.num_layers;
  info.sample_rate = from.sample_rate;
  info.window_s = static_cast<double>(from.window_samples) / from.sample_rate;
  return std::make_shared<const LoadedAudioModel>(std::move(info), *std::move(encoder));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const AudioModel>> AudioModel::Load(const std::string& folder) {
  try {
    return LoadFolder(folder);
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(folder, " cannot be loaded: ", error.what()));
  }
}

}  // namespace strata::models
