// Layers that more than one architecture uses, each a function of tensors and weights.
//
// Hidden states are packed, [T, C]: all documents of a batch end to end, no padding. All functions
// are differentiable, so serving and training share one forward.
#ifndef STRATA_MODELS_LAYERS_LAYERS_H_
#define STRATA_MODELS_LAYERS_LAYERS_H_

#include <ATen/ATen.h>

#include "models/layers/activation.h"

namespace strata::models {

// w · x / sqrt(mean(x²) + epsilon), statistics in float32; no bias, no mean (T5). x [T, C], w [C].
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

at::Tensor Activate(const at::Tensor& x, Activation activation);

// Sum over the levels of the sine/cosine table of 'Attention is all you need' at each token's
// positions: dimension 2i is sin(p · 10000^(-2i/C)), 2i+1 the cosine. positions [T, L] int32 or
// int64, >= 0; returns [T, C] float32.
at::Tensor SinusoidPositions(const at::Tensor& positions, int64_t hidden_size);

// Frequencies of that table, [(C + 1) / 2] float32: 10000^(-2i/C).
at::Tensor SinusoidFrequencies(int64_t hidden_size);

// Dropout with a probability of 0 is the identity.
at::Tensor Dropout(const at::Tensor& x, double probability);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_LAYERS_H_
