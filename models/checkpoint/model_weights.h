// The weights of a model folder, whatever form they are in.
#ifndef STRATA_MODELS_CHECKPOINT_MODEL_WEIGHTS_H_
#define STRATA_MODELS_CHECKPOINT_MODEL_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"

namespace strata::models {

enum class CheckpointFormat : uint8_t { kSafetensors, kTorch, kTensorBundle };

// "safetensors", "pytorch", "tensorflow".
std::string_view CheckpointFormatName(CheckpointFormat format);

struct WeightFiles {
  CheckpointFormat format = CheckpointFormat::kSafetensors;
  std::string path;       // the file; of a bundle: up to ".index"
  bool is_index = false;  // `path` is a JSON index that names shards
};

// Where the weights of `path` stand. A folder: the first there is of
//   model.safetensors, model.safetensors.index.json,
//   pytorch_model.bin, pytorch_model.bin.index.json,
//   the bundle that TensorFlow's `checkpoint` file names, or the folder's only *.index,
//   the folder's only *.bin, *.pt, *.pth or *.ckpt.
// A file: by its ending; .index, or a prefix that has an .index, is a bundle. NOT_FOUND: there are
// none. INVALID_ARGUMENT: several that none of these rules tells apart.
absl::StatusOr<WeightFiles> FindWeights(const std::string& path);

// All tensors, as the format's own reader gives them. INVALID_ARGUMENT besides: a shard outside the
// folder, a tensor in two shards, one that the index names and its shard lacks.
absl::StatusOr<TensorMap> ReadWeights(const WeightFiles& files);

// Both in one. `path` as in FindWeights.
absl::StatusOr<TensorMap> ReadModelWeights(const std::string& path);

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_MODEL_WEIGHTS_H_
