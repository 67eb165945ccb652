// One log line for each answered request: sizes, times, code and reason, never text.
#ifndef STRATA_SERVICES_RUNTIME_REQUEST_LOG_H_
#define STRATA_SERVICES_RUNTIME_REQUEST_LOG_H_

#include "services/runtime/runtime.h"

namespace strata::runtime {

// `done` with a line before it.
Done LoggedDone(const Request& request, Done done);

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_REQUEST_LOG_H_
