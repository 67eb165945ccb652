#include "models/layers/activation.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

struct Name {
  std::string_view name;
  Activation activation;
};

constexpr Name kNames[] = {
    {"relu", Activation::kRelu},
    {"relu6", Activation::kRelu6},
    {"relu2", Activation::kReluSquared},
    {"leaky_relu", Activation::kLeakyRelu},
    {"gelu", Activation::kGelu},
    {"gelu_python", Activation::kGelu},
    {"gelu_new", Activation::kGeluTanh},
    {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"gelu_python_tanh", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},
    {"gelu_accurate", Activation::kGeluTanh},
    {"gelu_10", Activation::kGelu10},
    {"quick_gelu", Activation::kQuickGelu},
    {"silu", Activation::kSilu},
    {"swish", Activation::kSilu},
    {"mish", Activation::kMish},
    {"hardswish", Activation::kHardSwish},
    {"sigmoid", Activation::kSigmoid},
    {"laplace", Activation::kLaplace},
    {"tanh", Activation::kTanh},
    {"linear", Activation::kIdentity},
};

}  // namespace

absl::StatusOr<Activation> ParseActivation(std::string_view name) {
  std::string known;
  for (const Name& entry : kNames) {
    if (name == entry.name) return entry.activation;
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(entry.name));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("activation '", std::string(name), "' is none of ", known));
}

}  // namespace strata::models
