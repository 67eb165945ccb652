#include "models/verify/training_case.h"

#include <torch/optim/adamw.h>

#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {

absl::Status CompareTraining(const GoldenCase& golden, const std::vector<WeightEntry>& table,
                             const std::function<absl::StatusOr<at::Tensor>()>& loss,
                             Comparison& comparison) {
  const nlohmann::json& training = golden.description["training"];
  std::vector<at::Tensor> parameters;
  std::set<const at::Tensor*> seen;
  for (const WeightEntry& entry : table) {
    entry.tensor->set_requires_grad(true);
    if (seen.insert(entry.tensor).second) parameters.push_back(*entry.tensor);
  }
  torch::optim::AdamW adamw(parameters, torch::optim::AdamWOptions(training.value("lr", 1e-3))
                                            .weight_decay(training.value("weight_decay", 0.01)));
  std::vector<double> losses;
  for (int step = 0; step < training.value("steps", 1); ++step) {
    adamw.zero_grad();
    auto value = loss();
    if (!value.ok()) return value.status();
    losses.push_back(value->item<double>());
    value->backward();
    if (step == 0) {
      for (const WeightEntry& entry : table) {
        const std::string name = absl::StrCat("grad.", entry.key);
        if (!comparison.Expects(name)) continue;
        const at::Tensor& gradient = entry.tensor->grad();
        if (!gradient.defined()) {
          return absl::InternalError(absl::StrCat("no gradient reached '", entry.key, "'"));
        }
        const at::Tensor rows = gradient.narrow(0, entry.row_begin, entry.shape[0]);
        comparison.Compare(name, entry.transposed ? rows.t() : rows);
      }
    }
    adamw.step();
  }
  comparison.Compare("loss", at::tensor(losses, at::kDouble));
  return absl::OkStatus();
}

}  // namespace strata::models
