#include "models/layers/batch_norm.h"

#include <ATen/core/grad_mode.h>

#include "absl/strings/match.h"

namespace strata::models {

BatchNorm InitialBatchNorm(int64_t channels) {
  return {at::ones({channels}), at::zeros({channels}), at::zeros({channels}), at::ones({channels})};
}

void AddBatchNorm(const std::string& key, BatchNorm& norm, int64_t channels,
                  std::vector<WeightEntry>& table) {
  const std::vector<int64_t> shape = {channels};
  table.push_back({key + ".weight", &norm.weight, 0, shape});
  table.push_back({key + ".bias", &norm.bias, 0, shape});
  table.push_back({key + ".running_mean", &norm.mean, 0, shape});
  table.push_back({key + ".running_var", &norm.variance, 0, shape});
}

bool IsBatchCounterKey(const std::string& key) {
  return absl::EndsWith(key, ".num_batches_tracked");
}

ChannelAffine AffineOf(const BatchNorm& norm) {
  const at::Tensor scale = norm.weight * at::rsqrt(norm.variance + norm.epsilon);
  return {scale, norm.bias - norm.mean * scale};
}

at::Tensor NormalizeLast(const BatchNorm& norm, const at::Tensor& x) {
  const ChannelAffine affine = AffineOf(norm);
  return x * affine.scale + affine.shift;
}

at::Tensor NormalizeChannels(const BatchNorm& norm, const at::Tensor& x) {
  const ChannelAffine affine = AffineOf(norm);
  return x * affine.scale.view({-1, 1, 1}) + affine.shift.view({-1, 1, 1});
}

at::Tensor NormalizeTrained(const BatchNorm& norm, const at::Tensor& x) {
  if (!norm.weight.defined()) return x;
  constexpr double kMomentum = 0.1;
  return at::batch_norm(x, norm.weight, norm.bias, norm.mean, norm.variance,
                        /*training=*/at::GradMode::is_enabled(), kMomentum, norm.epsilon,
                        /*cudnn_enabled=*/false);
}

}  // namespace strata::models
