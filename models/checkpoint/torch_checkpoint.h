// Reads the tensors of a PyTorch file (.bin, .pt, .pth): the zip archive that torch.save writes
// since PyTorch 1.6, NAME/data.pkl and NAME/data/KEY. Nothing in it is executed: the pickle is read
// as data (pickle.h), and only the names that tensors and their storages need may occur in it.
//
// Source: torch/serialization.py and torch/_utils.py of pytorch/pytorch, weights_only loading.
#ifndef STRATA_MODELS_CHECKPOINT_TORCH_CHECKPOINT_H_
#define STRATA_MODELS_CHECKPOINT_TORCH_CHECKPOINT_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"

namespace strata::models {

// The tensors of a state dict, or of the one that an outer dict keeps as state_dict, model, …
// beside other things. Storages are read once; tensors that share one share its bytes, and strided
// ones are copied into row-major order. INVALID_ARGUMENT names the file and the tensor: a class or
// function that no tensor needs, an element type that is not known, elements outside the storage, a
// storage that is missing or has another size, a key that stands twice, a damaged or truncated
// archive, a file of a PyTorch before 1.6.
absl::StatusOr<TensorMap> ReadTorchCheckpoint(const std::string& path);

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_TORCH_CHECKPOINT_H_
