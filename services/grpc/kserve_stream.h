// ModelStreamInfer of KServe v2: many requests on one stream, computed side by side, answered in
// order.
#ifndef STRATA_SERVICES_GRPC_KSERVE_STREAM_H_
#define STRATA_SERVICES_GRPC_KSERVE_STREAM_H_

#include "grpcpp/grpcpp.h"
#include "inference/grpc_service.grpc.pb.h"
#include "services/grpc/stream_reactors.h"

namespace strata::service {

// The reactor of one call, which deletes itself. The bounds are those of every stream: at either of
// them it reads no further until answers leave.
grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse>*
StartInferStream(const StreamContext& stream, grpc::CallbackServerContext* context);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_KSERVE_STREAM_H_
