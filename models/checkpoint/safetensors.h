// Reads and writes .safetensors files.
//
// Format: 8 bytes little-endian header length, a JSON object {name: {dtype, shape, data_offsets}},
// then the data. Source: the format's public description in huggingface/safetensors.
#ifndef STRATA_MODELS_CHECKPOINT_SAFETENSORS_H_
#define STRATA_MODELS_CHECKPOINT_SAFETENSORS_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"

namespace strata::models {

// Maps the file; the views share the mapping, nothing is copied. INVALID_ARGUMENT names the file
// and the tensor: truncated, broken header, unknown dtype, offsets outside the file or not equal
// to shape × dtype, overlapping tensors. NOT_FOUND: no such file.
// `metadata` (may be null) gets the header's __metadata__ strings.
absl::StatusOr<TensorMap> ReadSafetensors(const std::string& path,
                                          std::map<std::string, std::string>* metadata = nullptr);

// Writes through a temporary file that is synced and renamed: readers see the old file or the new.
absl::Status WriteSafetensors(const std::string& path, const TensorMap& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_SAFETENSORS_H_
