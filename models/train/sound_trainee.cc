// An HTS-AT that is trained on labelled sounds.
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/engine/sound_windows.h"
#include "models/htsat/htsat.h"
#include "models/media/waveform_reader.h"
#include "models/train/file_trainee.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using Json = nlohmann::ordered_json;

at::Tensor TensorOf(const std::vector<float>& samples) {
  return at::tensor(samples).unsqueeze(0);  // [1, samples]
}

std::vector<at::Tensor> Mixed(const std::vector<at::Tensor>& sounds, double share);

class SoundTrainee : public FileTrainee {
 public:
  SoundTrainee(const TrainOptions& options, TrainRun& run) : FileTrainee(options, run) {}

  std::vector<WeightEntry> Table() override { return model_->Table(); }

 protected:
  absl::Status Check() override;
  absl::Status Read(const std::string& bytes, const std::string& name, bool held_out) override;
  absl::Status Build() override;
  absl::StatusOr<Batch> Forward(absl::Span<const size_t> items, const at::Tensor& targets,
                                std::mt19937_64& random) override;
  absl::StatusOr<at::Tensor> LogProbabilities(size_t begin, size_t end) override;
  std::vector<std::pair<const char*, std::string>> FolderFiles() override {
    return {{"config.json", ConfigJson()}};
  }

 private:
  std::string ConfigJson() const;
  int64_t window_samples() const {
    return (model_->config().image.num_frames() - 1) * model_->config().mel.hop;
  }
  at::Tensor Cut(const std::vector<float>& samples, std::mt19937_64& random) const;
  void Mask(at::Tensor& logmel, std::mt19937_64& random) const;

  std::vector<std::vector<float>> train_, held_out_;  // one channel at the model's rate
  std::unique_ptr<Htsat> model_;
};

absl::Status SoundTrainee::Check() {
  const TrainMediaArchitecture& media = options_.media;
  if (media.patch_overlap < 0 || media.patch_overlap % 2 != 0) {
    return absl::InvalidArgumentError("patch_overlap must be even and 0 or more");
  }
  if (media.sample_rate > 384000 || media.fft_size > 1 << 16) {
    return absl::InvalidArgumentError("sample_rate must be at most 384000, fft_size 65536");
  }
  return absl::OkStatus();
}

absl::Status SoundTrainee::Read(const std::string& bytes, const std::string& name, bool held_out) {
  WaveformOptions options;
  options.read.name = name;
  options.sample_rate = options_.media.sample_rate;
  auto samples = ReadWaveform(bytes, options);
  if (!samples.ok()) return samples.status();
  const auto needed = static_cast<size_t>(options_.media.fft_size / 2 + 1);
  if (samples->size() < needed) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": a sound of ", samples->size(), " samples is too short; ", needed, " are needed"));
  }
  (held_out ? held_out_ : train_).push_back(*std::move(samples));
  return absl::OkStatus();
}

std::string SoundTrainee::ConfigJson() const {
  const TrainMediaArchitecture& media = options_.media;
  Json config;
  config["architectures"] = {"HTSAT_Swin_Transformer"};
  config["model_type"] = "htsat";
  config["classes_num"] = labels_.size();
  config["sample_rate"] = media.sample_rate;
  config["window_size"] = media.fft_size;
  config["hop_size"] = media.hop;
  config["mel_bins"] = media.mel_bins;
  config["fmin"] = 50;
  config["fmax"] = std::min(14000, media.sample_rate / 2);
  config["htsat_spec_size"] = media.size;
  config["htsat_patch_size"] = media.patch + media.patch_overlap;
  config["htsat_stride"] = {media.patch, media.patch};
  config["htsat_window_size"] = media.window;
  config["htsat_dim"] = media.dim;
  config["htsat_depth"] = media.depths;
  config["htsat_num_head"] = media.heads;
  config["enable_tscam"] = true;
  config["loss_type"] = "clip_ce";
  for (size_t k = 0; k < labels_.size(); ++k) {
    config["id2label"][std::to_string(k)] = labels_[k];
    config["label2id"][labels_[k]] = k;
  }
  return config.dump(2) + "\n";
}

absl::Status SoundTrainee::Build() {
  auto config = ParseHtsatConfig(ConfigJson(), "options");
  if (!config.ok()) return config.status();
  HtsatWeights weights = InitialHtsatWeights(*config);
  model_ = std::make_unique<Htsat>(*config, std::move(weights));
  for (const WeightEntry& entry : Table()) {
    if (entry.tensor->dim() >= 2 && !entry.key.ends_with("bias_table") &&
        !entry.key.starts_with("tscam_conv.")) {
      const double inputs = static_cast<double>((*entry.tensor)[0].numel());
      entry.tensor->normal_(0, 1 / std::sqrt(inputs));
    }
  }
  // The front norm is not learnt: it makes each band of the training sounds mean 0, variance 1.
  at::Tensor sum = at::zeros({options_.media.mel_bins}, at::kDouble), squares = at::zeros_like(sum);
  int64_t count = 0;
  for (const std::vector<float>& samples : train_) {
    auto logmel = model_->mel()(TensorOf(samples));
    if (!logmel.ok()) return logmel.status();
    const at::Tensor frames = (*logmel)[0].to(at::kDouble);
    sum += frames.sum(0);
    squares += frames.square().sum(0);
    count += frames.size(0);
  }
  BatchNorm& norm = model_->weights().bn0;
  const at::Tensor mean = sum / static_cast<double>(count);
  norm.mean.copy_(mean);
  norm.variance.copy_((squares / static_cast<double>(count) - mean.square()).clamp_min(1e-3));
  return absl::OkStatus();
}

absl::StatusOr<FileTrainee::Batch> SoundTrainee::Forward(absl::Span<const size_t> items,
                                                         const at::Tensor& targets,
                                                         std::mt19937_64& random) {
  std::vector<at::Tensor> logmels;
  at::Tensor wanted = targets;
  {
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> sounds;
    for (const size_t item : items) sounds.push_back(Cut(train_[item], random));
    if (items.size() > 1 && Uniform(random) < options_.recipe.mixup) {
      const double share = Uniform(random, 0.5, 1);
      sounds = Mixed(sounds, share);
      wanted = share * wanted + (1 - share) * wanted.roll(1, 0);
    }
    for (const at::Tensor& sound : sounds) {
      auto logmel = model_->mel()(sound);
      if (!logmel.ok()) return logmel.status();
      Mask(*logmel, random);
      logmels.push_back(*std::move(logmel));
    }
  }
  auto output = model_->ForwardClips(logmels);
  if (!output.ok()) return output.status();
  return Batch{output->clipwise, wanted};
}

// A stretch of a sound, at most a window of it, faster or slower and with it higher or lower,
// louder or softer, with a little noise.
at::Tensor SoundTrainee::Cut(const std::vector<float>& samples, std::mt19937_64& random) const {
  const double much = options_.recipe.augment;
  const auto all = static_cast<int64_t>(samples.size());
  const int64_t least = options_.media.fft_size / 2 + 1;
  const double speed = std::exp(much * Uniform(random, -0.15, 0.15));
  const double share = 1 - 0.2 * std::min(1.0, much) * Uniform(random);
  const auto scaled = [](double factor, int64_t length) {
    return static_cast<int64_t>(factor * static_cast<double>(length));
  };
  // Of the sound as it is; a window of it once the speed has changed.
  int64_t length = std::min(scaled(speed, window_samples()), all);
  length = std::clamp(scaled(share, length), std::min(all, scaled(1.5, least)), all);
  const auto begin = static_cast<int64_t>(Uniform(random) * static_cast<double>(all - length + 1));
  at::Tensor sound = TensorOf(samples).narrow(1, std::min(begin, all - length), length);
  const int64_t heard = std::clamp(scaled(1 / speed, length), least, window_samples());
  if (heard != length) {
    sound = at::upsample_linear1d(sound.unsqueeze(0), {heard}, /*align_corners=*/false)[0];
  }
  sound = sound * std::exp(much * Uniform(random, -0.7, 0.7));
  const double noise = 0.02 * much * Uniform(random) * Uniform(random);
  return sound + noise * sound.std() * at::randn_like(sound);
}

// Each with the one before it, which counts for less; as long as the longer one.
std::vector<at::Tensor> Mixed(const std::vector<at::Tensor>& sounds, double share) {
  std::vector<at::Tensor> mixed;
  for (size_t i = 0; i < sounds.size(); ++i) {
    const at::Tensor& other = sounds[(i + sounds.size() - 1) % sounds.size()];
    const int64_t length = std::max(sounds[i].size(1), other.size(1));
    const auto padded = [length](const at::Tensor& sound) {
      return at::constant_pad_nd(sound, {0, length - sound.size(1)});
    };
    mixed.push_back(share * padded(sounds[i]) + (1 - share) * padded(other));
  }
  return mixed;
}

// Moves a log-mel spectrogram [1, T, m] a little along the bands, and hides some bands and moments.
void SoundTrainee::Mask(at::Tensor& logmel, std::mt19937_64& random) const {
  const double much = options_.recipe.augment;
  const int64_t frames = logmel.size(1), bands = logmel.size(2);
  const int64_t most = static_cast<int64_t>(std::lround(much * static_cast<double>(bands) / 20));
  const int64_t shift = static_cast<int64_t>(random() % static_cast<uint64_t>(2 * most + 1)) - most;
  if (shift != 0) {
    const at::Tensor places = (at::arange(bands) - shift).clamp(0, bands - 1);
    logmel = logmel.index_select(2, places);
  }
  const at::Tensor& mean = model_->weights().bn0.mean;
  const auto stretch = [&](int64_t size, double share) {
    const auto length =
        static_cast<int64_t>(much * share * Uniform(random) * static_cast<double>(size));
    const int64_t kept = std::min(length, size - 1);
    const auto begin = static_cast<int64_t>(Uniform(random) * static_cast<double>(size - kept));
    return std::pair<int64_t, int64_t>(begin, kept);
  };
  for (int i = 0; i < 2; ++i) {
    const auto [band, width] = stretch(bands, 0.15);
    if (width > 0) logmel.narrow(2, band, width).copy_(mean.narrow(0, band, width));
    const auto [frame, length] = stretch(frames, 0.12);
    if (length > 0) logmel.narrow(1, frame, length).copy_(mean);
  }
}

// The mean over windows, as the engine takes it.
absl::StatusOr<at::Tensor> SoundTrainee::LogProbabilities(size_t begin, size_t end) {
  std::vector<at::Tensor> rows;
  for (size_t item = begin; item < end; ++item) {
    SoundWindowSpec spec;
    spec.sample_rate = options_.media.sample_rate;
    spec.window_samples = window_samples();
    spec.min_samples = options_.media.fft_size / 2 + 1;
    SoundCutter cutter(spec);
    std::vector<SoundWindow> windows;
    absl::Status status = cutter.Push(held_out_[item], windows);
    if (status.ok()) status = cutter.Finish(windows);
    if (!status.ok()) return status;
    std::vector<at::Tensor> logmels;
    std::vector<float> told;
    for (const SoundWindow& window : windows) {
      auto logmel = model_->mel()(TensorOf(window.samples));
      if (!logmel.ok()) return logmel.status();
      logmels.push_back(*std::move(logmel));
      told.push_back(static_cast<float>(window.told_end - window.told_begin));
    }
    auto output = model_->ForwardClips(logmels);
    if (!output.ok()) return output.status();
    const at::Tensor weights = at::tensor(told).unsqueeze(1);
    rows.push_back(((at::softmax(output->clipwise, 1) * weights).sum(0) / weights.sum())
                       .clamp_min(1e-9)
                       .log());
  }
  return at::stack(rows);
}

}  // namespace

std::unique_ptr<FileTrainee> MakeSoundTrainee(const TrainOptions& options, TrainRun& run) {
  return std::make_unique<SoundTrainee>(options, run);
}

}  // namespace strata::models
