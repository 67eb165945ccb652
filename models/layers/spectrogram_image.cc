#include "models/layers/spectrogram_image.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
absl::Status CheckSpectrogramImageSpec(const SpectrogramImageSpec& spec, const std::string& where) {
  if (spec.num_mels < 1 || spec.size < spec.num_mels || spec.size > 4096 ||
      spec.size % spec.ratio() != 0) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": a spectrogram of ", spec.num_mels,
                                                   " mel bands cannot be folded to ", spec.size,
                                                   " by ", spec.size));
  }
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> StretchSpectrogram(const SpectrogramImageSpec& spec,
                                              const at::Tensor& mel) {
  const int64_t frames = spec.num_frames(), bands = spec.size / spec.ratio();
  if (mel.size(2) > frames) {
    return absl::ResourceExhaustedError(absl::StrCat("a spectrogram of ", mel.size(2),
                                                     " frames, the model takes ", frames,
                                                     "; cut the sound into shorter ones"));
  }
  at::Tensor stretched = mel;
  if (mel.size(2) < frames) {
    stretched = at::upsample_bicubic2d(stretched, {frames, mel.size(3)}, /*align_corners=*/true);
  }
  if (mel.size(3) < bands) {
    stretched = at::upsample_bicubic2d(stretched, {frames, bands}, /*align_corners=*/true);
  }
  return stretched;
}

at::Tensor FoldSpectrogram(const SpectrogramImageSpec& spec, const at::Tensor& stretched) {
  const int64_t batch = stretched.size(0), planes = stretched.size(1);
  return stretched.reshape({batch, planes, spec.ratio(), spec.size, spec.size / spec.ratio()})
      .transpose(3, 4)
      .reshape({batch, planes, spec.size, spec.size});
}

at::Tensor TokensInTime(const SpectrogramImageSpec& spec, const at::Tensor& tokens) {
  const int64_t batch = tokens.size(0), width = tokens.size(2), channels = tokens.size(3);
  const int64_t rows = tokens.size(1) / spec.ratio();
  return tokens.reshape({batch, spec.ratio(), rows, width, channels})
      .permute({0, 4, 2, 1, 3})
      .reshape({batch, channels, rows, spec.ratio() * width});
}

}  // namespace strata::models
