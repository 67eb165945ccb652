// What is in a tensor's bytes, without a tensor library: finiteness and another float type.
#ifndef STRATA_MODELS_CHECKPOINT_TENSOR_VALUES_H_
#define STRATA_MODELS_CHECKPOINT_TENSOR_VALUES_H_

#include "models/checkpoint/tensor_map.h"

namespace strata::models {

bool IsFloatType(TensorType type);

// False if a float tensor holds NaN or infinity. True for every other type.
bool AllFinite(const TensorView& view);

// The same values as float32 or bfloat16 (rounded to nearest, ties to even). A tensor that is no
// float, or already of this type, is returned as it is, with its bytes shared; so is any where
// `type` is neither of the two.
TensorView ConvertFloats(const TensorView& view, TensorType type);

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_TENSOR_VALUES_H_
