// A log-mel spectrogram as the square image that an audio Swin looks at, and its tokens back in
// order of time.
//
// Source: HTS-AT (arXiv 2202.00874) §2.1, its public code (reshape_wav2img, forward_features) and
// the audio tower of CLAP in transformers 5, which are the same map.
#ifndef STRATA_MODELS_LAYERS_SPECTROGRAM_IMAGE_H_
#define STRATA_MODELS_LAYERS_SPECTROGRAM_IMAGE_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/batch_norm.h"

namespace strata::models {

// S = size, m = num_mels, R = S/m rounded down: the sound is cut into R stretches of equal length
// that lie on top of each other, low tones of the first one first.
struct SpectrogramImageSpec {
  int64_t size = 256;
  int64_t num_mels = 64;

  int64_t ratio() const { return size / num_mels; }
  int64_t num_frames() const { return size * ratio(); }  // that a whole image takes
};

// INVALID_ARGUMENT: more bands than rows, or a ratio that does not divide the size.
absl::Status CheckSpectrogramImageSpec(const SpectrogramImageSpec& spec, const std::string& where);

// mel [B, K, T, m] stretched along time, and along the bands where they are fewer than S/R, to
// [B, K, S·R, S/R]: bicubic, corner on corner. RESOURCE_EXHAUSTED: T > S·R.
absl::StatusOr<at::Tensor> StretchSpectrogram(const SpectrogramImageSpec& spec,
                                              const at::Tensor& mel);
// A stretched spectrogram [B, K, S·R, S/R] → image [B, K, S, S]; image[g·S/R + f][t] is
// mel[g·S + t][f].
at::Tensor FoldSpectrogram(const SpectrogramImageSpec& spec, const at::Tensor& stretched);

// Tokens of such an image, [B, h, w, C] with h = R·c → [B, C, c, R·w], the last axis in order of
// time.
at::Tensor TokensInTime(const SpectrogramImageSpec& spec, const at::Tensor& tokens);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_SPECTROGRAM_IMAGE_H_
