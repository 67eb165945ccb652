// The activations of feed-forward layers, by the names that checkpoints use.
#ifndef STRATA_MODELS_LAYERS_ACTIVATION_H_
#define STRATA_MODELS_LAYERS_ACTIVATION_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "kernels/activation/activation.h"

namespace strata::models {

using kernels::Activation;

// "relu", "gelu" (erf form), "gelu_new" / "gelu_pytorch_tanh" (tanh form), "silu" / "swish",
// "tanh", "linear" (none).
absl::StatusOr<Activation> ParseActivation(std::string_view name);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_ACTIVATION_H_
