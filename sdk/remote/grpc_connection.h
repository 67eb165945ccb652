// A Connection over gRPC.
#ifndef STRATA_SDK_REMOTE_GRPC_CONNECTION_H_
#define STRATA_SDK_REMOTE_GRPC_CONNECTION_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "sdk/client/retry.h"
#include "strata/connection.h"

namespace strata::internal {

// INVALID_ARGUMENT: an empty endpoint, a metadata key that HTTP/2 does not allow, half a client
// certificate. Connects in the background.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& endpoint,
                                                           const ClientOptions& options);

// `clock` paces the retries.
std::shared_ptr<Connection> MakeGrpcConnection(std::shared_ptr<grpc::Channel> channel,
                                               const ClientOptions& options,
                                               std::shared_ptr<Clock> clock,
                                               const std::string& endpoint);

}  // namespace strata::internal

#endif  // STRATA_SDK_REMOTE_GRPC_CONNECTION_H_
