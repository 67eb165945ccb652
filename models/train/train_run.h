// The course of a training run, whatever it trains: epochs of shuffled steps, a score after each,
// the best model kept, and a state in the folder from which it can go on.
#ifndef STRATA_MODELS_TRAIN_TRAIN_RUN_H_
#define STRATA_MODELS_TRAIN_TRAIN_RUN_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "models/eval/metrics.h"
#include "models/layers/weight_table.h"
#include "models/train/optimizer.h"
#include "models/train/run_state.h"
#include "models/train/train.h"

namespace strata::models {

// What a run trains: a model and the items it learns from.
class Trainee {
 public:
  virtual ~Trainee() = default;
  virtual int64_t num_items() const = 0;     // learnt from
  virtual int64_t num_held_out() const = 0;  // scored on
  virtual const std::vector<std::string>& labels() const = 0;
  // Under the names of the file that is written.
  virtual std::vector<WeightEntry> Table() = 0;
  // Tensors without repetition, with whether weight decay acts on them.
  virtual std::vector<std::pair<at::Tensor, bool>> Parameters() = 0;
  // Scalar, differentiable. Random numbers come from `random` and ATen's generator only.
  virtual absl::StatusOr<at::Tensor> Loss(absl::Span<const size_t> items,
                                          std::mt19937_64& random) = 0;
  // Of the held-out items.
  virtual absl::StatusOr<std::vector<ClassificationOutcome>> Score() = 0;
  // The model as it is now, into the output folder.
  virtual absl::Status WriteModel() = 0;
};

struct TrainCallbacks {
  std::function<void(const TrainProgress&)> progress;
  std::function<void(const EpochReport&)> epoch_done;
  std::function<bool()> cancelled;
};

// What a run needs random numbers for.
enum class TrainPurpose : uint64_t { kInitialize, kHoldOut, kShuffle, kStep };

// A generator for one purpose of one step: the same whether or not the run was cut off before.
std::mt19937_64 RandomFor(uint64_t seed, TrainPurpose purpose, uint64_t index = 0);

// Called in this order: OpenFolder, Begin, RunEpochs, End. Not thread-safe.
class TrainRun {
 public:
  // Borrows both.
  TrainRun(const TrainOptions& options, const TrainCallbacks& callbacks)
      : options_(options), callbacks_(callbacks) {}

  // The state of a run that is to go on, if there is one. Nothing is written yet.
  absl::Status OpenFolder();
  // From here on the folder says that a run is under way, whatever cuts it off.
  absl::Status Begin();
  // There are weights to go on with.
  bool resumes() const { return state_.has_value() && !state_->tensors.empty(); }
  absl::Status RunEpochs(Trainee& trainee);
  // The report, or `status` if it is an error; the folder is left as TrainClassifier says.
  absl::StatusOr<TrainReport> End(const absl::Status& status);

  void Report(const char* stage);
  void Warn(const std::string& warning);
  // Where so little is held out, or so few steps are made, that the model will be of little use.
  void WarnOfLittle(const Trainee& trainee);
  std::string InFolder(const char* name) const;

 private:
  absl::Status Restore(Trainee& trainee);
  absl::StatusOr<double> TrainEpoch(Trainee& trainee, int32_t epoch);
  absl::Status WriteLog();
  bool IsBetter(const EpochReport& report) const;
  int64_t StepsPerEpoch(const Trainee& trainee) const;

  const TrainOptions& options_;
  const TrainCallbacks& callbacks_;
  const absl::Time begin_ = absl::Now();
  RunSettings settings_;
  std::optional<RunState> state_;  // of the run that goes on
  bool begun_here_ = false;        // by this call
  bool made_folder_ = false;
  std::unique_ptr<Optimizer> optimizer_;
  int32_t first_epoch_ = 1;
  int64_t step_ = 0;
  EpochReport best_;
  TrainReport report_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_TRAIN_RUN_H_
