// What programs can test in an error, carried by absl::Status beside code and message. The gRPC
// door turns it into google.rpc.ErrorInfo, BadRequest and RetryInfo; the embedded door hands it on.
#ifndef STRATA_SERVICES_RUNTIME_ERROR_DETAIL_H_
#define STRATA_SERVICES_RUNTIME_ERROR_DETAIL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace strata::runtime {

struct ErrorDetail {
  // UPPER_SNAKE_CASE: MODEL_NOT_FOUND, INVALID_OPTIONS, INVALID_DOCUMENT, DOCUMENT_TOO_LARGE,
  // TOO_MANY_TOKENS, QUEUE_FULL, DEADLINE_EXCEEDED, CANCELLED, DRAINING, ...; empty = the code says
  // all.
  std::string reason;
  std::string field;  // path in the request message, "document.content"; may be empty
  absl::Duration retry_delay = absl::ZeroDuration();  // over zero: worth another attempt after it
  std::string stage;  // where the request stood: "queue", "prepare", "upload", "batch", "compute";
                      // may be empty
};

// The same code and message with this detail; an OK status is returned as it is.
absl::Status WithDetail(absl::Status status, const ErrorDetail& detail);
// UNAVAILABLE, DRAINING: what a server that ends says to whoever comes too late.
absl::Status DrainingError();
// What WithDetail set; empty fields where it set none.
ErrorDetail DetailOf(const absl::Status& status);

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_ERROR_DETAIL_H_
