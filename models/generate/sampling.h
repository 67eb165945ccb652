// Narrowing a distribution over the vocabulary before a token is drawn from it.
//
// Source: the logits warpers of transformers 4.38 (temperature, top-k, nucleus, typical, epsilon
// and eta sampling), in its order.
#ifndef STRATA_MODELS_GENERATE_SAMPLING_H_
#define STRATA_MODELS_GENERATE_SAMPLING_H_

#include <ATen/ATen.h>
#include <ATen/core/Generator.h>

#include "models/generate/generation_options.h"

namespace strata::models {

// scores [R, V] float32; what falls away becomes -infinity. A beam search keeps at least one token
// that does not end the sequence.
at::Tensor WarpLogits(const GenerationOptions& options, at::Tensor scores);

// A generator whose draws equal those of torch.manual_seed(seed).
at::Generator MakeGenerator(uint64_t seed);

}  // namespace strata::models

#endif  // STRATA_MODELS_GENERATE_SAMPLING_H_
