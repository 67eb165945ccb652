// BatchNorm: normalisation by running statistics, and by those of the batch while it is trained.
#ifndef STRATA_MODELS_LAYERS_BATCH_NORM_H_
#define STRATA_MODELS_LAYERS_BATCH_NORM_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "models/layers/weight_table.h"

namespace strata::models {

struct BatchNorm {
  at::Tensor weight, bias, mean, variance;  // [C]
  double epsilon = 1e-5;
};

BatchNorm InitialBatchNorm(int64_t channels);
// "KEY.weight", "KEY.bias", "KEY.running_mean", "KEY.running_var", all [channels]; the tensors need
// not be allocated.
void AddBatchNorm(const std::string& key, BatchNorm& norm, int64_t channels,
                  std::vector<WeightEntry>& table);
// "….num_batches_tracked", which inference has no use for.
bool IsBatchCounterKey(const std::string& key);

// What it does to each channel: x · scale + shift.
struct ChannelAffine {
  at::Tensor scale, shift;  // [C]
};
ChannelAffine AffineOf(const BatchNorm& norm);

// Over the last axis: x [..., C].
at::Tensor NormalizeLast(const BatchNorm& norm, const at::Tensor& x);
// Over the second axis: x [B, C, H, W].
at::Tensor NormalizeChannels(const BatchNorm& norm, const at::Tensor& x);

// Over the second axis, of a norm that is being trained: by the batch's own statistics, which the
// running ones then follow, where gradients are recorded; else by the running ones. Differentiable;
// not thread-safe where gradients are recorded. A norm without tensors, which was folded into its
// neighbours, leaves x as it is.
at::Tensor NormalizeTrained(const BatchNorm& norm, const at::Tensor& x);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_BATCH_NORM_H_
