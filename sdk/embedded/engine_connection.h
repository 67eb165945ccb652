// A Connection to the engine in this process.
#ifndef STRATA_SDK_EMBEDDED_ENGINE_CONNECTION_H_
#define STRATA_SDK_EMBEDDED_ENGINE_CONNECTION_H_

#include <memory>

#include "services/runtime/runtime.h"
#include "strata/connection.h"

namespace strata::internal {

// Calls without a timeout have no deadline.
std::shared_ptr<Connection> MakeEngineConnection(std::unique_ptr<runtime::Runtime> runtime);

}  // namespace strata::internal

#endif  // STRATA_SDK_EMBEDDED_ENGINE_CONNECTION_H_
