// What every call of one connection shares.
#ifndef STRATA_SDK_REMOTE_CALL_SETTINGS_H_
#define STRATA_SDK_REMOTE_CALL_SETTINGS_H_

#include <grpcpp/client_context.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "sdk/remote/convert.h"
#include "sdk/remote/transport_error.h"
#include "strata/options.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata::internal {

struct CallSettings {
  std::shared_ptr<v1::StrataService::Stub> stub;
  ClientOptions options;
  std::string endpoint;  // for messages

  void Apply(absl::Time deadline, grpc::ClientContext& context) const {
    if (deadline != absl::InfiniteFuture()) context.set_deadline(absl::ToChronoTime(deadline));
    for (const auto& [key, value] : options.metadata) context.AddMetadata(key, value);
  }

  // How a call ended.
  absl::Status ToStatus(const grpc::Status& status) const {
    return ExplainTransportError(FromGrpc(status), endpoint);
  }
};

}  // namespace strata::internal

#endif  // STRATA_SDK_REMOTE_CALL_SETTINGS_H_
