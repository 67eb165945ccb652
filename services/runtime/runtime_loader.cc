// Runtime::Create: the one place of the runtime that loads models. A library of its own, so that
// the rest can be built and tested without LibTorch.
#include "absl/status/statusor.h"
#include "models/engine/engine.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::Create(const RuntimeOptions& options) {
  models::SetComputeThreads(options.compute_threads);
  return CreateWithLoader(options, models::Engine::Load);
}

}  // namespace strata::runtime
