#include "models/htsat/htsat_encoder.h"

#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/htsat/htsat.h"

namespace strata::models {
namespace {

class HtsatEncoder : public AudioEncoder {
 public:
  explicit HtsatEncoder(Htsat model) : model_(std::move(model)) {
    const HtsatConfig& config = model_.config();
    info_.hidden_size = static_cast<int32_t>(config.hidden_size());
    info_.num_layers = std::accumulate(config.swin.depths.begin(), config.swin.depths.end(), 0);
    info_.num_classes = config.classes_num;
    info_.labels = config.labels;
    info_.architecture = "HTSAT_Swin_Transformer";
    info_.sample_rate = config.mel.sample_rate;
    info_.resampling = ResampleMethod::kSoxrHq;
    // One frame stands in front of the first hop.
    info_.window_samples = (config.image.num_frames() - 1) * config.mel.hop;
    info_.min_samples = config.mel.n_fft / 2 + 1;
    info_.single_label = config.single_label;
  }

  const AudioEncoderInfo& info() const override { return info_; }

  absl::StatusOr<AudioFeatures> Forward(const std::vector<at::Tensor>& sounds,
                                        const std::function<bool()>& cancelled) const override {
    std::vector<at::Tensor> logmels;
    for (const at::Tensor& sound : sounds) {
      if (sound.size(0) > info_.window_samples) {
        return absl::ResourceExhaustedError(
            absl::StrCat("a sound of ", sound.size(0), " samples, this model looks at ",
                         info_.window_samples, "; cut it into windows"));
      }
      auto logmel = model_.mel()(sound.unsqueeze(0));
      if (!logmel.ok()) return logmel.status();
      logmels.push_back(*std::move(logmel));
    }
    HtsatForwardOptions options;
    options.cancelled = cancelled;
    auto output = model_.ForwardClips(logmels, options);
    if (!output.ok()) return output.status();
    AudioFeatures features;
    features.scores = info_.single_label ? at::softmax(output->clipwise, -1) : output->clipwise;
    // Each moment once.
    features.frame_scores =
        output->framewise.slice(1, 0, std::nullopt, model_.config().rows_per_token());
    features.tokens = output->moments;
    features.pooled = output->moments.mean(1);
    return features;
  }

 private:
  const Htsat model_;
  AudioEncoderInfo info_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const AudioEncoder>> LoadHtsatEncoder(
    const std::string& config_json, const std::string& /*preprocessor_json*/,
    const TensorMap& weights, const std::string& folder) {
  auto config = ParseHtsatConfig(config_json, absl::StrCat(folder, "/config.json"));
  if (!config.ok()) return config.status();
  auto model = Htsat::Load(*config, weights, folder);
  if (!model.ok()) return model.status();
  return std::make_unique<HtsatEncoder>(*std::move(model));
}

}  // namespace strata::models
