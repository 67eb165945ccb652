#include "models/bench/bench_model.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

struct Row {
  const char* name;
  absl::StatusOr<std::unique_ptr<BenchModel>> (*make)(kernels::WeightType);
};

constexpr Row kModels[] = {
    {"hat", MakeHatBenchModel},
    {"hdt", MakeHdtBenchModel},
};

}  // namespace

absl::StatusOr<std::unique_ptr<BenchModel>> MakeBenchModel(const std::string& name,
                                                           kernels::WeightType type) {
  std::string known;
  for (const Row& row : kModels) {
    if (name == row.name) return row.make(type);
    absl::StrAppend(&known, known.empty() ? "" : ", ", row.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("model '", name, "' is none of: ", known));
}

}  // namespace strata::models
