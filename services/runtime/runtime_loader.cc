// Runtime::Create: the one place of the runtime that loads models. A library of its own, so that
// the rest can be built and tested without LibTorch.
#include <string>

#include "absl/status/statusor.h"
#include "models/engine/engine.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::Create(const RuntimeOptions& options) {
  models::SetComputeThreads(options.compute_threads);
  const models::LoadOptions load{.precision = options.precision};
  return CreateWithLoader(
      options, [load](const std::string& folder) { return models::Engine::Load(folder, load); });
}

}  // namespace strata::runtime
