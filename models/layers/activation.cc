#include "models/layers/activation.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {

absl::StatusOr<Activation> ParseActivation(std::string_view name) {
  if (name == "relu") return Activation::kRelu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "tanh") return Activation::kTanh;
  if (name == "linear") return Activation::kIdentity;
  return absl::InvalidArgumentError(
      absl::StrCat("activation '", std::string(name),
                   "' is none of relu, gelu, gelu_new, gelu_pytorch_tanh, silu, tanh, linear"));
}

}  // namespace strata::models
