// Turns a checkpoint of any form that Strata reads into a model folder: config.json, tokenizer
// files and one model.safetensors with the reference's own names.
#ifndef STRATA_MODELS_CONVERT_MODEL_CONVERTER_H_
#define STRATA_MODELS_CONVERT_MODEL_CONVERTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/model_weights.h"
#include "models/checkpoint/tensor_map.h"

namespace strata::models {

struct ConvertRequest {
  // A folder or a checkpoint file, see FindWeights().
  std::string input;
  std::string output_folder;  // made; must not exist yet or be empty
  // kFloat32 or kBFloat16 for all float tensors; absent: each keeps its type.
  std::optional<TensorType> type;
  // config.json, or SMITH's settings (*.pbtxt, with the JSON files that it names beside it).
  // Empty: config.json beside the weights, else the only *.pbtxt there.
  std::string config_path;
  // A folder with tokenizer files, or one such file. Empty: those beside the weights.
  std::string tokenizer_path;
  // Load the result before it takes its place.
  bool check = true;
};

struct ConvertReport {
  CheckpointFormat format = CheckpointFormat::kSafetensors;
  int64_t num_tensors = 0;
  int64_t num_parameters = 0;
  int64_t weight_bytes = 0;               // as written
  std::vector<std::string> left_out;      // keys that are no weights: optimizer slots
  std::vector<std::string> copied_files;  // tokenizer and the like, by name
  // Why the result could not be tried out; empty: this build loads it, or no check was asked for.
  std::string unchecked_because;
};

// The folder appears whole or not at all. Errors are those of the readers, each with file and key,
// and INVALID_ARGUMENT: a weight that holds NaN or infinity; a model that this build knows and
// whose weights do not fit its configuration. NOT_FOUND: no weights, no configuration.
// FAILED_PRECONDITION: the output folder is not empty.
absl::StatusOr<ConvertReport> ConvertModel(const ConvertRequest& request);

}  // namespace strata::models

#endif  // STRATA_MODELS_CONVERT_MODEL_CONVERTER_H_
