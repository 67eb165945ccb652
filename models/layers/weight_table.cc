#include "models/layers/weight_table.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "models/checkpoint/tensor_values.h"
#include "models/layers/tensor_bridge.h"

namespace strata::models {
namespace {

// The entry's shape as the file has it.
std::vector<int64_t> FileShape(const WeightEntry& entry) {
  if (!entry.transposed) return entry.shape;
  return {entry.shape.rbegin(), entry.shape.rend()};
}

absl::Status Refuse(const std::string& where, const WeightEntry& entry, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": weight '", entry.key, "' ", what));
}

absl::Status CheckEntry(const WeightEntry& entry, const TensorView& view,
                        const std::string& where) {
  if (view.shape != FileShape(entry)) {
    return Refuse(where, entry,
                  absl::StrCat("has shape ", ShapeString(view.shape),
                               ", the configuration asks for ", ShapeString(FileShape(entry))));
  }
  if (!IsFloatType(view.type)) {
    return Refuse(where, entry,
                  absl::StrCat("has type ", std::string(TensorTypeName(view.type)),
                               ", a float type is needed"));
  }
  return absl::OkStatus();
}

absl::Status LoadEntry(const WeightEntry& entry, const TensorView& view, const std::string& where) {
  const at::Tensor source = ToTensor(view).to(at::kFloat);
  // A sum is finite only if every term is, barring overflow of huge but finite weights.
  if (!std::isfinite(source.sum(at::kDouble).item<double>())) {
    return Refuse(where, entry, "holds NaN or infinity");
  }
  RowsOf(entry).copy_(entry.transposed ? source.t() : source);
  return absl::OkStatus();
}

}  // namespace

at::Tensor RowsOf(const WeightEntry& entry) {
  return entry.shape.empty() ? *entry.tensor
                             : entry.tensor->narrow(0, entry.row_begin, entry.shape[0]);
}

absl::Status CheckWeights(const std::vector<WeightEntry>& table, const TensorMap& checkpoint,
                          const std::function<bool(const std::string& key)>& ignored,
                          const std::string& where) {
  std::set<std::string, std::less<>> known;
  for (const WeightEntry& entry : table) {
    known.insert(entry.key);
    const auto found = checkpoint.find(entry.key);
    if (found == checkpoint.end()) {
      if (entry.optional) continue;
      return Refuse(where, entry, "is missing");
    }
    if (absl::Status status = CheckEntry(entry, found->second, where); !status.ok()) return status;
  }
  for (const auto& [key, view] : checkpoint) {
    if (!known.contains(key) && !(ignored && ignored(key))) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": weight '", key, "' ", ShapeString(view.shape),
                       " has no place in this architecture; is config.json the checkpoint's own?"));
    }
  }
  return absl::OkStatus();
}

absl::Status LoadWeights(const std::vector<WeightEntry>& table, const TensorMap& checkpoint,
                         const std::function<bool(const std::string& key)>& ignored,
                         const std::string& where) {
  const at::NoGradGuard no_grad;
  if (absl::Status status = CheckWeights(table, checkpoint, ignored, where); !status.ok()) {
    return status;
  }
  for (const WeightEntry& entry : table) {
    const auto found = checkpoint.find(entry.key);
    if (found == checkpoint.end()) continue;  // optional
    if (absl::Status status = LoadEntry(entry, found->second, where); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status LoadNewWeights(const std::vector<WeightEntry>& table, const TensorMap& checkpoint,
                            const std::function<bool(const std::string& key)>& ignored,
                            const std::string& where) {
  if (absl::Status status = CheckWeights(table, checkpoint, ignored, where); !status.ok()) {
    return status;
  }
  std::map<at::Tensor*, std::vector<int64_t>> shapes;  // of the tensors that entries share
  for (const WeightEntry& entry : table) {
    if (!checkpoint.contains(entry.key)) continue;  // optional
    std::vector<int64_t>& shape = shapes[entry.tensor];
    const int64_t rows = shape.empty() ? 0 : shape[0];
    shape = entry.shape;
    if (!shape.empty()) shape[0] = std::max(rows, entry.row_begin + entry.shape[0]);
  }
  for (const auto& [tensor, shape] : shapes) *tensor = at::empty(shape);
  return LoadWeights(table, checkpoint, ignored, where);
}

int64_t SizeBytes(const std::vector<WeightEntry>& table) {
  int64_t size = 0;
  for (const WeightEntry& entry : table) {
    int64_t bytes = sizeof(float);
    for (int64_t extent : entry.shape) bytes *= extent;
    size += bytes;
  }
  return size;
}

TensorMap SaveWeights(const std::vector<WeightEntry>& table, TensorType type) {
  TensorMap map;
  for (const WeightEntry& entry : table) {
    const at::Tensor rows = RowsOf(entry);
    map[entry.key] = ToView(entry.transposed ? rows.t() : rows, type);
  }
  return map;
}

}  // namespace strata::models
