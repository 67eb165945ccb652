// What an error of a service says besides its code and message.
#ifndef STRATA_ERROR_H_
#define STRATA_ERROR_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "strata/export.h"

namespace strata {

// How long the service asks to wait before another attempt (google.rpc.RetryInfo), if it does.
STRATA_API std::optional<absl::Duration> RetryDelay(const absl::Status& status);
// The reason in capitals (google.rpc.ErrorInfo), such as "QUEUE_FULL"; empty if there is none.
STRATA_API std::string ErrorReason(const absl::Status& status);

// For connections and mocks: the same, set.
STRATA_API void SetRetryDelay(absl::Duration delay, absl::Status& status);
STRATA_API void SetErrorReason(const std::string& reason, absl::Status& status);

// True for errors that a policy retries: UNAVAILABLE, and RESOURCE_EXHAUSTED with a RetryDelay.
STRATA_API bool IsRetryable(const absl::Status& status);

}  // namespace strata

#endif  // STRATA_ERROR_H_
