// The activations of feed-forward layers, by the names that checkpoints use.
#ifndef STRATA_MODELS_LAYERS_ACTIVATION_H_
#define STRATA_MODELS_LAYERS_ACTIVATION_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "kernels/activation/activation.h"

namespace strata::models {

using kernels::Activation;

// The names of transformers' ACT2FN, save those that have weights or a state of their own (prelu,
// xielu): "gelu" is the erf form, "gelu_new" the tanh form, "linear" none. INVALID_ARGUMENT names
// all.
absl::StatusOr<Activation> ParseActivation(std::string_view name);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_ACTIVATION_H_
