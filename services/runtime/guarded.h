// Where exceptions of the libraries below end: they become the status of the one request that met
// them.
#ifndef STRATA_SERVICES_RUNTIME_GUARDED_H_
#define STRATA_SERVICES_RUNTIME_GUARDED_H_

#include <exception>
#include <new>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "services/runtime/error_detail.h"

namespace strata::runtime {

// Runs `function`, which returns a StatusOr<Result>. `what` reads as in "while reading the
// document". RESOURCE_EXHAUSTED: out of memory. INTERNAL: any other exception.
template <typename Result, typename Function>
absl::StatusOr<Result> Guarded(const char* what, Function function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return WithDetail(
        absl::ResourceExhaustedError(absl::StrCat("out of memory while ", what, " the document")),
        {.reason = "OUT_OF_MEMORY"});
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("exception while ", what, ": ", error.what()));
  }
}

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_GUARDED_H_
