#include "models/train/optimizer.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "models/layers/tensor_bridge.h"

namespace strata::models {
namespace {

using torch::optim::AdamW;
using torch::optim::AdamWOptions;
using torch::optim::AdamWParamState;
using torch::optim::OptimizerParamGroup;

std::vector<OptimizerParamGroup> MakeGroups(
    const std::vector<std::pair<at::Tensor, bool>>& parameters, const TrainRecipe& recipe) {
  std::vector<at::Tensor> decaying, others;
  for (const auto& [tensor, decays] : parameters) (decays ? decaying : others).push_back(tensor);
  const auto options = [&](double weight_decay) {
    return std::make_unique<AdamWOptions>(AdamWOptions(recipe.learning_rate)
                                              .betas({recipe.beta1, recipe.beta2})
                                              .weight_decay(weight_decay));
  };
  std::vector<OptimizerParamGroup> groups;
  groups.emplace_back(decaying, options(recipe.weight_decay));
  groups.emplace_back(others, options(0.0));
  return groups;
}

std::string Key(size_t place, const char* moment) {
  return absl::StrCat("optimizer.", place, ".", moment);
}

}  // namespace

struct Optimizer::State {
  State(std::vector<std::pair<at::Tensor, bool>> all, const TrainRecipe& train_recipe,
        int64_t steps)
      : parameters(std::move(all)),
        recipe(train_recipe),
        total_steps(steps),
        adamw(MakeGroups(parameters, recipe), AdamWOptions(recipe.learning_rate)) {}

  std::vector<std::pair<at::Tensor, bool>> parameters;
  TrainRecipe recipe;
  int64_t total_steps;
  AdamW adamw;
};

Optimizer::Optimizer(std::vector<std::pair<at::Tensor, bool>> parameters, const TrainRecipe& recipe,
                     int64_t total_steps)
    : state_(std::make_unique<State>(std::move(parameters), recipe, total_steps)) {}

Optimizer::~Optimizer() = default;

void Optimizer::ZeroGradients() { state_->adamw.zero_grad(); }

double Optimizer::ScheduleFactor(const TrainRecipe& recipe, int64_t step, int64_t total_steps) {
  const double done =
      static_cast<double>(step) / static_cast<double>(std::max<int64_t>(total_steps, 1));
  const double factor = done < recipe.warmup_share
                            ? done / recipe.warmup_share
                            : (1.0 - done) / std::max(1.0 - recipe.warmup_share, 1e-9);
  return std::clamp(factor, 1e-3, 1.0);
}

void Optimizer::Step(int64_t step) {
  std::vector<at::Tensor> all;
  for (const auto& [tensor, decays] : state_->parameters) all.push_back(tensor);
  torch::nn::utils::clip_grad_norm_(all, state_->recipe.max_gradient_norm);
  const double rate =
      state_->recipe.learning_rate * ScheduleFactor(state_->recipe, step, state_->total_steps);
  for (OptimizerParamGroup& group : state_->adamw.param_groups()) {
    static_cast<AdamWOptions&>(group.options()).lr(rate);
  }
  state_->adamw.step();
}

void Optimizer::Save(TensorMap& tensors) const {
  for (size_t i = 0; i < state_->parameters.size(); ++i) {
    const auto found =
        state_->adamw.state().find(state_->parameters[i].first.unsafeGetTensorImpl());
    if (found == state_->adamw.state().end()) continue;  // never had a gradient
    const auto& moments = static_cast<const AdamWParamState&>(*found->second);
    tensors[Key(i, "exp_avg")] = ToView(moments.exp_avg(), TensorType::kFloat32);
    tensors[Key(i, "exp_avg_sq")] = ToView(moments.exp_avg_sq(), TensorType::kFloat32);
  }
}

absl::Status Optimizer::Load(const TensorMap& tensors, int64_t step) {
  for (size_t i = 0; i < state_->parameters.size(); ++i) {
    const auto first = tensors.find(Key(i, "exp_avg"));
    const auto second = tensors.find(Key(i, "exp_avg_sq"));
    if (first == tensors.end() && second == tensors.end()) continue;
    const at::Tensor& parameter = state_->parameters[i].first;
    for (const auto& found : {first, second}) {
      if (found == tensors.end() || found->second.shape != parameter.sizes().vec()) {
        return absl::InvalidArgumentError(
            absl::StrCat("the run's state lacks a fitting ", Key(i, "exp_avg(_sq)")));
      }
    }
    auto moments = std::make_unique<AdamWParamState>();
    moments->step(step);
    moments->exp_avg(ToTensor(first->second).clone());
    moments->exp_avg_sq(ToTensor(second->second).clone());
    state_->adamw.state()[parameter.unsafeGetTensorImpl()] = std::move(moments);
  }
  return absl::OkStatus();
}

}  // namespace strata::models
