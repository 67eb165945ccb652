#include "models/layers/spectrogram_image.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

constexpr double kBatchNormEpsilon = 1e-5;

struct Affine {
  at::Tensor scale, shift;
};

Affine AffineOf(const BatchNorm& norm) {
  const at::Tensor scale = norm.weight * at::rsqrt(norm.variance + kBatchNormEpsilon);
  return {scale, norm.bias - norm.mean * scale};
}

}  // namespace

absl::Status CheckSpectrogramImageSpec(const SpectrogramImageSpec& spec, const std::string& where) {
  if (spec.num_mels < 1 || spec.size < spec.num_mels || spec.size > 4096 ||
      spec.size % spec.ratio() != 0) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": a spectrogram of ", spec.num_mels,
                                                   " mel bands cannot be folded to ", spec.size,
                                                   " by ", spec.size));
  }
  return absl::OkStatus();
}

BatchNorm InitialBatchNorm(int64_t channels) {
  return {at::ones({channels}), at::zeros({channels}), at::zeros({channels}), at::ones({channels})};
}

void AddBatchNorm(const std::string& key, BatchNorm& norm, std::vector<WeightEntry>& table) {
  const std::vector<int64_t> shape = norm.weight.sizes().vec();
  table.push_back({key + ".weight", &norm.weight, 0, shape});
  table.push_back({key + ".bias", &norm.bias, 0, shape});
  table.push_back({key + ".running_mean", &norm.mean, 0, shape});
  table.push_back({key + ".running_var", &norm.variance, 0, shape});
}

bool IsBatchCounterKey(const std::string& key) {
  return absl::EndsWith(key, ".num_batches_tracked");
}

at::Tensor NormalizeLast(const BatchNorm& norm, const at::Tensor& x) {
  const Affine affine = AffineOf(norm);
  return x * affine.scale + affine.shift;
}

at::Tensor NormalizeChannels(const BatchNorm& norm, const at::Tensor& x) {
  const Affine affine = AffineOf(norm);
  return x * affine.scale.view({-1, 1, 1}) + affine.shift.view({-1, 1, 1});
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
