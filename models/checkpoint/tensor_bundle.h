// Reads a TensorFlow V2 checkpoint: NAME.index, a sorted table from variable names to entries, and
// NAME.data-SSSSS-of-NNNNN with the raw little-endian bytes.
//
// Source: tensor_bundle.proto, tensor_shape.proto and types.proto of tensorflow/tensorflow.
#ifndef STRATA_MODELS_CHECKPOINT_TENSOR_BUNDLE_H_
#define STRATA_MODELS_CHECKPOINT_TENSOR_BUNDLE_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"

namespace strata::models {

// `prefix`: the path up to ".index". The views share mapped files. All numeric variables, optimizer
// slots included; the object graph that TensorFlow 2 adds is left out. NOT_FOUND: no such file.
// INVALID_ARGUMENT names file and variable: a broken table or entry, a variable in slices or of
// strings, a type or shape that does not fit, bytes outside the shard, a wrong checksum, big-endian
// data.
absl::StatusOr<TensorMap> ReadTensorBundle(const std::string& prefix);

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_TENSOR_BUNDLE_H_
