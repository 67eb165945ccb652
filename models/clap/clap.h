// CLAP whole: sounds and texts as vectors in one space, and how well they match.
//
// Paper: Large-scale Contrastive Language-Audio Pretraining (arXiv 2211.06687). Reference:
// transformers 5, ClapModel.
#ifndef STRATA_MODELS_CLAP_CLAP_H_
#define STRATA_MODELS_CLAP_CLAP_H_

#include <ATen/ATen.h>

#include <string>

#include "absl/status/statusor.h"
#include "models/clap/clap_audio.h"
#include "models/clap/clap_text.h"

namespace strata::models {

// Immutable after construction; thread-safe.
class Clap {
 public:
  // The file of a ClapModel: both towers with their projections, and two scales. INVALID_ARGUMENT
  // names the key or field.
  static absl::StatusOr<Clap> Load(const std::string& config_json, const TensorMap& checkpoint,
                                   const std::string& where);

  const ClapAudio& audio() const { return audio_; }
  const ClapText& text() const { return text_; }

  // exp(scale of sounds) · A·Tᵀ of normalised vectors [B, P] and [N, P]: [B, N]. The reference's
  // scores of texts have a scale of their own, so its two tables differ by a factor.
  at::Tensor ScoresOfSounds(const at::Tensor& sounds, const at::Tensor& texts) const;
  // [N, B].
  at::Tensor ScoresOfTexts(const at::Tensor& sounds, const at::Tensor& texts) const;

 private:
  Clap(ClapAudio audio, ClapText text) : audio_(std::move(audio)), text_(std::move(text)) {}

  ClapAudio audio_;
  ClapText text_;
  at::Tensor logit_scale_a_ = at::zeros({}), logit_scale_t_ = at::zeros({});
};

// Each row divided by its length; a row of zeros stays as it is (the reference makes it NaN).
at::Tensor ScaleToUnitLength(const at::Tensor& rows);

}  // namespace strata::models

#endif  // STRATA_MODELS_CLAP_CLAP_H_
