#include "models/engine/audio_model.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/model_weights.h"
#include "models/engine/answers.h"
#include "models/engine/aten_threads.h"
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
    const AtenThreads threads(AtenThreads::Layers::kOnAten);
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

class WindowListener : public SoundListener {
 public:
  WindowListener(const AudioModel& model, const ListenOptions& options,
                 SoundEventDetector::Callback on_event)
      : model_(model),
        options_(options),
        cutter_(model.windows(options.overlap_s, /*whole=*/false)),
        tally_(model.info().sample_rate, static_cast<int32_t>(model.info().labels.size()),
               options.events, std::move(on_event)) {}

  absl::Status Push(absl::Span<const float> samples) override {
    absl::Status status = cutter_.Push(samples, pending_);
    return status.ok() ? Compute(static_cast<size_t>(options_.windows_per_pass)) : status;
  }

  absl::StatusOr<SoundSummary> Finish() override {
    absl::Status status = cutter_.Finish(pending_);
    if (status.ok()) status = Compute(1);
    if (!status.ok()) return status;
    return tally_.Finish();
  }

 private:
  // Passes while `at_least` windows wait.
  absl::Status Compute(size_t at_least) {
    const auto pass = static_cast<size_t>(options_.windows_per_pass);
    size_t done = 0;
    for (; pending_.size() - done >= at_least && done < pending_.size();) {
      std::vector<const SoundWindow*> windows;
      for (size_t i = done; i < pending_.size() && windows.size() < pass; ++i) {
        windows.push_back(&pending_[i]);
      }
      auto answers = model_.Run(windows, options_.cancelled);
      if (!answers.ok()) return answers.status();
      for (size_t i = 0; i < windows.size(); ++i) tally_.Add(*windows[i], (*answers)[i]);
      done += windows.size();
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
    return absl::OkStatus();
  }

  const AudioModel& model_;
  const ListenOptions options_;
  SoundCutter cutter_;
  SoundTally tally_;
  std::vector<SoundWindow> pending_;
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
    return std::make_unique<WindowListener>(*this, options, std::move(on_event));
  }

  absl::StatusOr<SoundSummary> ListenToFile(std::string_view bytes, const AudioReadOptions& read,
                                            const ListenOptions& options,
                                            SoundEventDetector::Callback on_event) const override {
    auto reader = WaveformReader::Open(bytes, wave(read));
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
    if (!info_.takes_any_length) {
      auto summary = ListenToFile(bytes, read, {}, nullptr);
      if (!summary.ok()) return summary.status();
      return summary->vector;
    }
    SoundWindow whole;
    auto samples = ReadWaveform(bytes, wave(read));
    if (!samples.ok()) return samples.status();
    whole.samples = *std::move(samples);
    const SoundWindow* const windows[] = {&whole};
    auto answers = Run(windows, nullptr);
    if (!answers.ok()) return answers.status();
    return std::move((*answers)[0].vector);
  }

  WaveformOptions wave(const AudioReadOptions& read) const override {
    WaveformOptions options;
    options.read = read;
    options.sample_rate = encoder_->info().sample_rate;
    options.method = encoder_->info().resampling;
    return options;
  }

  SoundWindowSpec windows(double overlap_s, bool whole) const override {
    SoundWindowSpec spec;
    spec.sample_rate = info_.sample_rate;
    spec.window_samples = encoder_->info().window_samples;
    spec.overlap_samples = static_cast<int64_t>(overlap_s * info_.sample_rate);
    spec.min_samples = encoder_->info().min_samples;
    spec.whole = whole && info_.takes_any_length;
    return spec;
  }

  absl::StatusOr<std::vector<SoundWindowAnswer>> Run(
      absl::Span<const SoundWindow* const> windows,
      const std::function<bool()>& cancelled) const override {
    using Answers = std::vector<SoundWindowAnswer>;
    return Guarded<absl::StatusOr<Answers>>([&]() -> absl::StatusOr<Answers> {
      std::vector<at::Tensor> sounds;
      for (const SoundWindow* window : windows) sounds.push_back(SoundOf(window->samples));
      auto features = encoder_->Forward(sounds, cancelled);
      if (!features.ok()) return features.status();
      Answers answers(windows.size());
      for (size_t i = 0; i < windows.size(); ++i) {
        const auto row = static_cast<int64_t>(i);
        const auto numbers = [row](const at::Tensor& rows) {
          return rows.defined() ? ToVector(rows[row], /*normalize=*/false) : std::vector<float>();
        };
        answers[i] = {numbers(features->scores), numbers(features->pooled),
                      numbers(features->frame_scores.defined() ? features->frame_scores.flatten(1)
                                                               : features->frame_scores)};
      }
      return answers;
    });
  }

 private:
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
  info.takes_any_length = from.takes_any_length;
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
