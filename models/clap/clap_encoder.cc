#include "models/clap/clap_encoder.h"

#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/clap/clap_audio.h"
#include "models/clap/clap_features.h"

namespace strata::models {
namespace {

class ClapAudioEncoder : public AudioEncoder {
 public:
  ClapAudioEncoder(ClapAudio model, const ClapFeatureSpec& features)
      : model_(std::move(model)), extractor_(features) {
    const ClapAudioConfig& config = model_.config();
    info_.hidden_size = model_.has_projection() ? config.projection_dim
                                                : static_cast<int32_t>(config.hidden_size());
    info_.num_layers = std::accumulate(config.swin.depths.begin(), config.swin.depths.end(), 0);
    info_.architecture =
        model_.has_projection() ? "ClapAudioModelWithProjection" : "ClapAudioModel";
    info_.sample_rate = features.mel.sample_rate;
    info_.resampling = ResampleMethod::kSincHann;
    info_.window_samples = features.max_samples;
    info_.takes_any_length = true;
  }

  const AudioEncoderInfo& info() const override { return info_; }

  absl::StatusOr<AudioFeatures> Forward(const std::vector<at::Tensor>& sounds,
                                        const std::function<bool()>& cancelled) const override {
    std::vector<at::Tensor> inputs;
    std::vector<bool> is_longer;
    for (const at::Tensor& sound : sounds) {
      auto features = extractor_(sound, MiddleDraw());
      if (!features.ok()) return features.status();
      inputs.push_back(features->input);
      // Each sound as a batch of its own.
      std::vector<bool> own = {features->is_longer};
      MarkOneLonger(extractor_.spec(), own, MiddleDraw());
      is_longer.push_back(own[0]);
    }
    if (inputs.empty()) return absl::InvalidArgumentError("no sound");
    ClapAudioForwardOptions options;
    options.cancelled = cancelled;
    auto output = model_.Forward(at::stack(inputs, 0), is_longer, options);
    if (!output.ok()) return output.status();
    AudioFeatures features;
    features.tokens = output->last_hidden_state.mean(2).transpose(1, 2);
    features.pooled = model_.has_projection() ? output->embedding : output->pooled;
    return features;
  }

 private:
  const ClapAudio model_;
  const ClapFeatureExtractor extractor_;
  AudioEncoderInfo info_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const AudioEncoder>> LoadClapAudioEncoder(
    const std::string& config_json, const std::string& preprocessor_json, const TensorMap& weights,
    const std::string& folder) {
  auto config = ParseClapAudioConfig(config_json, absl::StrCat(folder, "/config.json"));
  if (!config.ok()) return config.status();
  if (preprocessor_json.empty()) {
    return absl::NotFoundError(absl::StrCat(
        folder, " holds no preprocessor_config.json, which says how CLAP hears a sound"));
  }
  auto features =
      ParseClapFeatureSpec(preprocessor_json, absl::StrCat(folder, "/preprocessor_config.json"));
  if (!features.ok()) return features.status();
  const int64_t planes = config->enable_fusion ? 4 : 1;
  if (features->num_planes() != planes || features->mel.num_mels != config->image.num_mels) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": preprocessor_config.json makes ", features->num_planes(), " spectrograms of ",
        features->mel.num_mels, " bands, config.json (enable_fusion, num_mel_bins) takes ", planes,
        " of ", config->image.num_mels));
  }
  auto model = ClapAudio::Load(*config, weights, folder);
  if (!model.ok()) return model.status();
  return std::make_unique<ClapAudioEncoder>(*std::move(model), *features);
}

}  // namespace strata::models
