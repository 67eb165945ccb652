// What a training run needs to go on after it was cut off, kept in its output folder.
#ifndef STRATA_MODELS_TRAIN_RUN_STATE_H_
#define STRATA_MODELS_TRAIN_RUN_STATE_H_

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"
#include "models/train/train.h"

namespace strata::models {

// State after a finished epoch. Random numbers need no place here: every step seeds its own from
// the run's seed and the step's number.
struct RunState {
  int32_t epoch = 0;  // finished
  int64_t step = 0;   // optimizer steps done
  int32_t best_epoch = 0;
  std::vector<EpochReport> reports;
  TensorMap tensors;  // weights and the optimizer's moments, float32
};

// Everything that decides the course of a run, by the option's name; of a file, a hash of its
// content.
using RunSettings = std::map<std::string, std::string>;
absl::StatusOr<RunSettings> SettingsOf(const TrainOptions& options);

// Written whole or not at all (run_state.safetensors; the rest stands in its metadata).
// A state without tensors says that a run has begun.
absl::Status SaveRunState(const std::string& folder, const RunSettings& settings,
                          const RunState& state);
// NOT_FOUND: the folder holds none. FAILED_PRECONDITION: it is of a run with other options or data;
// says which.
absl::StatusOr<RunState> LoadRunState(const std::string& folder, const RunSettings& settings);
bool HasRunState(const std::string& folder);
// Drops the state of a run that has come to its end.
void RemoveRunState(const std::string& folder);

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_RUN_STATE_H_
