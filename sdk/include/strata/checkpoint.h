// Model folders as files: makes one from a checkpoint of another form, and says what one holds.
// Link strata::engine.
#ifndef STRATA_CHECKPOINT_H_
#define STRATA_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "strata/export.h"
#include "strata/result.h"

namespace strata {

// kKeep: every tensor stays as it is. Otherwise all float tensors change, others never.
enum class WeightType : std::uint8_t { kKeep, kFloat32, kBFloat16 };

struct ConvertOptions {
  // A folder (safetensors or PyTorch files, sharded or not, or a TensorFlow V2 checkpoint), or one
  // such file.
  std::string input;
  std::string output_folder;  // made; must not exist yet or be empty
  WeightType type = WeightType::kKeep;
  // config.json, or SMITH's settings (*.pbtxt); empty: found beside the weights.
  std::string config_path;
  // A folder with tokenizer files, or one file; empty: those beside the weights.
  std::string tokenizer_path;
  bool check = true;  // load the result before it takes its place
};

struct ConvertReport {
  std::string format;  // of the input: "safetensors", "pytorch", "tensorflow"
  std::int64_t num_tensors = 0;
  std::int64_t num_parameters = 0;
  std::int64_t weight_bytes = 0;          // as written
  std::vector<std::string> left_out;      // keys that are no weights: optimizer slots
  std::vector<std::string> copied_files;  // tokenizer and the like
  // Why the result was not tried out: no such architecture or no tokenizer. Empty: it loads, or no
  // check was asked for.
  std::string unchecked_because;
};

// Writes config.json, tokenizer files and model.safetensors; the folder appears whole or not at
// all. Nothing in a checkpoint is ever executed. NOT_FOUND: no weights, no configuration.
// INVALID_ARGUMENT names file and key: not a checkpoint, damaged, NaN, a weight that does not fit
// the configuration. FAILED_PRECONDITION: the output folder is not empty.
STRATA_API absl::StatusOr<ConvertReport> ConvertModel(const ConvertOptions& options);

struct TensorDescription {
  std::string name;
  std::string type;  // "F32", "BF16", ...
  std::vector<std::int64_t> shape;
  std::int64_t size_bytes = 0;
};

// All tensors of one type.
struct TypeDescription {
  std::string type;
  std::int64_t num_tensors = 0;
  std::int64_t num_parameters = 0;
  std::int64_t size_bytes = 0;
};

struct ModelInspection {
  // Without tasks and the network's sizes where the model cannot be loaded.
  ModelDescription model;
  std::string model_type;    // of config.json
  absl::Status loads;        // OK, or why this build cannot load it
  std::string config_json;   // the file's content
  std::string format;        // of the weights: "safetensors", "pytorch", "tensorflow"
  std::string weights_path;  // the file; an index of shards; a TensorFlow checkpoint's prefix
  std::vector<TypeDescription> types;      // that occur
  std::vector<TensorDescription> tensors;  // by name
};

// NOT_FOUND: no config.json or no weights. INVALID_ARGUMENT: one of them cannot be read.
STRATA_API absl::StatusOr<ModelInspection> InspectModel(const std::string& folder);

}  // namespace strata

#endif  // STRATA_CHECKPOINT_H_
