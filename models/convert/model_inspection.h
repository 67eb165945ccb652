// What a model folder holds, also where this build cannot load it.
#ifndef STRATA_MODELS_CONVERT_MODEL_INSPECTION_H_
#define STRATA_MODELS_CONVERT_MODEL_INSPECTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/model_weights.h"
#include "models/engine/engine.h"

namespace strata::models {

struct TensorSummary {
  std::string name;
  TensorType type = TensorType::kFloat32;
  std::vector<int64_t> shape;
  int64_t size_bytes = 0;
};

// All tensors of one type.
struct TypeSummary {
  TensorType type = TensorType::kFloat32;
  int64_t num_tensors = 0, num_parameters = 0, size_bytes = 0;
};

struct ModelInspection {
  // As the engine says it; without the tasks and the network's sizes where it cannot load the
  // model.
  ModelInfo info;
  absl::Status loads;       // why the engine cannot load the model, or OK
  std::string config_json;  // as it stands in the folder
  WeightFiles weights;
  std::vector<TypeSummary> types;      // that occur
  std::vector<TensorSummary> tensors;  // by name
};

// NOT_FOUND: no config.json or no weights. INVALID_ARGUMENT: one of them cannot be read (names file
// and key).
absl::StatusOr<ModelInspection> InspectModelFolder(const std::string& folder);

}  // namespace strata::models

#endif  // STRATA_MODELS_CONVERT_MODEL_INSPECTION_H_
