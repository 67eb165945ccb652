// A model's weights as a table: which checkpoint key fills which rows of which tensor.
//
// Each architecture states its table once; loading, saving, optimizing and comparing gradients all
// go by it.
#ifndef STRATA_MODELS_LAYERS_WEIGHT_TABLE_H_
#define STRATA_MODELS_LAYERS_WEIGHT_TABLE_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "models/checkpoint/tensor_map.h"

namespace strata::models {

struct WeightEntry {
  std::string key;             // the checkpoint's own name
  at::Tensor* tensor;          // allocated, float32; several entries may share one (q, k, v in qkv)
  int64_t row_begin = 0;       // the entry is rows [row_begin, row_begin + shape[0])
  std::vector<int64_t> shape;  // of the entry
  bool optional = false;       // absent: the tensor keeps the value it was given
  bool transposed = false;     // the file has [shape[1], shape[0]]: TensorFlow's kernels, [in, out]
};

// The entry's rows of its tensor, as a view.
at::Tensor RowsOf(const WeightEntry& entry);

// What LoadWeights checks of names, shapes and types, without touching a tensor, which need not be
// allocated. `ignored` may be null.
absl::Status CheckWeights(const std::vector<WeightEntry>& table, const TensorMap& checkpoint,
                          const std::function<bool(const std::string& key)>& ignored,
                          const std::string& where);

// Copies every entry from `checkpoint` (any float type) into its tensor. INVALID_ARGUMENT names the
// key: as CheckWeights, or NaN or infinity inside.
absl::Status LoadWeights(const std::vector<WeightEntry>& table, const TensorMap& checkpoint,
                         const std::function<bool(const std::string& key)>& ignored,
                         const std::string& where);

// As LoadWeights, for tensors that are not allocated yet: nothing is, before all of CheckWeights
// has passed, so a configuration that is not the checkpoint's own costs nothing. A tensor that has
// only optional entries, all of them absent, is left alone.
absl::Status LoadNewWeights(const std::vector<WeightEntry>& table, const TensorMap& checkpoint,
                            const std::function<bool(const std::string& key)>& ignored,
                            const std::string& where);

// Of all entries in memory.
int64_t SizeBytes(const std::vector<WeightEntry>& table);

// Views (copies where the type differs) of every entry, for WriteSafetensors.
TensorMap SaveWeights(const std::vector<WeightEntry>& table, TensorType type);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_WEIGHT_TABLE_H_
