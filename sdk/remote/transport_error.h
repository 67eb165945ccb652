// What gRPC says about a connection, in the words of somebody who wants to reach a service.
#ifndef STRATA_SDK_REMOTE_TRANSPORT_ERROR_H_
#define STRATA_SDK_REMOTE_TRANSPORT_ERROR_H_

#include <string>

#include "absl/status/status.h"

namespace strata::internal {

// `status` with another message where it is gRPC's own about reaching `endpoint` (nobody there, an
// unknown host, no secure connection, no time left, too large a message); code and payloads stay.
// Else as it is.
absl::Status ExplainTransportError(const absl::Status& status, const std::string& endpoint);

// INVALID_ARGUMENT: an endpoint that cannot be reached whatever happens: no port, a URL.
absl::Status CheckEndpoint(const std::string& endpoint);

}  // namespace strata::internal

#endif  // STRATA_SDK_REMOTE_TRANSPORT_ERROR_H_
