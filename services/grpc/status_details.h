// absl::Status with its detail → what goes over the wire: grpc::Status and google.rpc.Status.
#ifndef STRATA_SERVICES_GRPC_STATUS_DETAILS_H_
#define STRATA_SERVICES_GRPC_STATUS_DETAILS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"

namespace strata::service {

// Always one ErrorInfo of domain "strata"; BadRequest where a field is named; RetryInfo where
// trying again makes sense. `status` must not be OK.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// The same in grpc-status-details-bin; OK becomes OK.
grpc::Status ToGrpcStatus(const absl::Status& status);

// RESOURCE_EXHAUSTED, RESPONSE_TOO_LARGE: an answer of `num_bytes` does not fit into a message.
absl::Status AnswerTooLarge(int64_t num_bytes, int64_t max_message_bytes, const char* advice);

// Tells gRPC's own retries, too, how long to wait (grpc-retry-pushback-ms). Call before Finish.
void AddRetryPushback(const absl::Status& status, grpc::CallbackServerContext& context);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_STATUS_DETAILS_H_
