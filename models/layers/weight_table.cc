#include "models/layers/weight_table.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "models/layers/tensor_bridge.h"

namespace strata::models {
namespace {

bool IsFloat(TensorType type) {
  return type == TensorType::kFloat16 || type == TensorType::kBFloat16 ||
         type == TensorType::kFloat32 || type == TensorType::kFloat64;
}

absl::Status LoadEntry(const WeightEntry& entry, const TensorView& view, const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": weight '", entry.key, "' ", what));
  };
  if (view.shape != entry.shape) {
    return refuse(absl::StrCat("has shape ", ShapeString(view.shape),
                               ", the configuration asks for ", ShapeString(entry.shape)));
  }
  if (!IsFloat(view.type)) {
    return refuse(absl::StrCat("has type ", std::string(TensorTypeName(view.type)),
                               ", a float type is needed"));
  }
  const at::Tensor source = ToTensor(view).to(at::kFloat);
  // A sum is finite only if every term is, barring overflow of huge but finite weights.
  if (!std::isfinite(source.sum(at::kDouble).item<double>()))
    return refuse("holds NaN or infinity");
  RowsOf(entry).copy_(source);
  return absl::OkStatus();
}

}  // namespace

at::Tensor RowsOf(const WeightEntry& entry) {
  return entry.shape.empty() ? *entry.tensor
                             : entry.tensor->narrow(0, entry.row_begin, entry.shape[0]);
}

absl::Status LoadWeights(const std::vector<WeightEntry>& table, const TensorMap& checkpoint,
                         const std::function<bool(const std::string& key)>& ignored,
                         const std::string& where) {
  const at::NoGradGuard no_grad;
  std::set<std::string, std::less<>> known;
  for (const WeightEntry& entry : table) {
    known.insert(entry.key);
    const auto found = checkpoint.find(entry.key);
    if (found == checkpoint.end()) {
      if (entry.optional) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": weight '", entry.key, "' is missing"));
    }
    if (absl::Status status = LoadEntry(entry, found->second, where); !status.ok()) return status;
  }
  for (const auto& [key, view] : checkpoint) {
    if (!known.contains(key) && !ignored(key)) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": weight '", key, "' ", ShapeString(view.shape),
                       " has no place in this architecture; is config.json the checkpoint's own?"));
    }
  }
  return absl::OkStatus();
}

TensorMap SaveWeights(const std::vector<WeightEntry>& table, TensorType type) {
  TensorMap map;
  for (const WeightEntry& entry : table) map[entry.key] = ToView(RowsOf(entry), type);
  return map;
}

}  // namespace strata::models
