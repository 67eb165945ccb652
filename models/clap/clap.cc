#include "models/clap/clap.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {

absl::StatusOr<Clap> Clap::Load(const std::string& config_json, const TensorMap& checkpoint,
                                const std::string& where) {
  const std::string config_path = absl::StrCat(where, "/config.json");
  auto audio_config = ParseClapAudioConfig(config_json, config_path);
  if (!audio_config.ok()) return audio_config.status();
  auto text_config = ParseClapTextConfig(config_json, config_path);
  if (!text_config.ok()) return text_config.status();
  if (audio_config->projection_dim != text_config->projection_dim) {
    return absl::InvalidArgumentError(
        absl::StrCat(config_path, ": projection_dim of sounds is ", audio_config->projection_dim,
                     ", that of texts ", text_config->projection_dim, "; they must be equal"));
  }
  for (const char* key : {"audio_projection.linear1.weight", "text_projection.linear1.weight"}) {
    if (!checkpoint.contains(key)) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": weight '", key, "' is missing"));
    }
  }
  auto audio = ClapAudio::Load(*audio_config, checkpoint, where);
  if (!audio.ok()) return audio.status();
  auto text = ClapText::Load(*text_config, checkpoint, where);
  if (!text.ok()) return text.status();
  Clap clap(*std::move(audio), *std::move(text));
  absl::Status status = LoadWeights(
      {{"logit_scale_a", &clap.logit_scale_a_}, {"logit_scale_t", &clap.logit_scale_t_}},
      checkpoint, [](const std::string&) { return true; }, where);
  if (!status.ok()) return status;
  return clap;
}

at::Tensor Clap::ScoresOfSounds(const at::Tensor& sounds, const at::Tensor& texts) const {
  return at::matmul(sounds, texts.t()) * logit_scale_a_.exp();
}

at::Tensor Clap::ScoresOfTexts(const at::Tensor& sounds, const at::Tensor& texts) const {
  return at::matmul(texts, sounds.t()) * logit_scale_t_.exp();
}

at::Tensor ScaleToUnitLength(const at::Tensor& rows) {
  return rows /
         at::linalg_vector_norm(rows, 2, at::IntArrayRef({-1}), /*keepdim=*/true).clamp_min(1e-12);
}

}  // namespace strata::models
