// Between checkpoint views and at::Tensor.
#ifndef STRATA_MODELS_LAYERS_TENSOR_BRIDGE_H_
#define STRATA_MODELS_LAYERS_TENSOR_BRIDGE_H_

#include <ATen/ATen.h>

#include "models/checkpoint/tensor_map.h"

namespace strata::models {

// A tensor over the view's bytes, which are kept alive; not to be written to.
at::Tensor ToTensor(const TensorView& view);

// A view of a CPU tensor (made contiguous and converted to `type` where it is not); keeps it alive.
TensorView ToView(const at::Tensor& tensor, TensorType type);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_TENSOR_BRIDGE_H_
