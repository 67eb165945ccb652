// Runtime::Create: the one place of the runtime that loads models. A library of its own, so that
// the rest can be built and tested without LibTorch.
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/engine/engine.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::Create(const RuntimeOptions& options) {
  models::SetComputeThreads(options.compute_threads);
  std::vector<NamedEngine> engines;
  for (const auto& [name, folder] : options.models) {
    absl::StatusOr<std::shared_ptr<const models::Engine>> engine = models::Engine::Load(folder);
    if (!engine.ok()) {
      return absl::Status(engine.status().code(),
                          absl::StrCat("model '", name, "': ", engine.status().message()));
    }
    engines.emplace_back(name, *std::move(engine));
  }
  return CreateWithEngines(options, std::move(engines));
}

}  // namespace strata::runtime
