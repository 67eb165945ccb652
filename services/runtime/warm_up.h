// Passes over made-up text before a model serves, so that no caller waits for pages, threads and
// memory that are touched for the first time.
#ifndef STRATA_SERVICES_RUNTIME_WARM_UP_H_
#define STRATA_SERVICES_RUNTIME_WARM_UP_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "models/engine/engine.h"

namespace strata::runtime {

// A short pass, then a longer one, in `max_time`: a pass that would last longer ends between two
// layers. OK also where time ran out, `cancelled` said so, or the model takes no text. Else what
// the pass says: such a model could not serve.
absl::Status WarmUp(const models::Engine& engine, absl::Duration max_time,
                    const std::function<bool()>& cancelled);

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_WARM_UP_H_
