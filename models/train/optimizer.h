// AdamW with warm-up and linear decay over a model's parameters, and its state by weight name.
#ifndef STRATA_MODELS_TRAIN_OPTIMIZER_H_
#define STRATA_MODELS_TRAIN_OPTIMIZER_H_

#include <ATen/ATen.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "models/checkpoint/tensor_map.h"
#include "models/train/train.h"

namespace strata::models {

// Not thread-safe.
class Optimizer {
 public:
  // parameters: tensor, and whether weight decay acts on it. `total_steps` sets the schedule.
  Optimizer(std::vector<std::pair<at::Tensor, bool>> parameters, const TrainRecipe& recipe,
            int64_t total_steps);
  ~Optimizer();

  void ZeroGradients();
  // Clips the gradients to the recipe's norm and makes step number `step` (from 0).
  void Step(int64_t step);

  // Moments as "optimizer.N.{exp_avg,exp_avg_sq}" by the parameter's place.
  void Save(TensorMap& tensors) const;
  // INVALID_ARGUMENT names what is missing. `step`: optimizer steps done.
  absl::Status Load(const TensorMap& tensors, int64_t step);

  // Factor on the learning rate at a step: rises over the warm-up, falls to 0 at the end.
  static double ScheduleFactor(const TrainRecipe& recipe, int64_t step, int64_t total_steps);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_OPTIMIZER_H_
