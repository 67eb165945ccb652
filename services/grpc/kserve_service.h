// inference.GRPCInferenceService over the same runtime as our own service.
#ifndef STRATA_SERVICES_GRPC_KSERVE_SERVICE_H_
#define STRATA_SERVICES_GRPC_KSERVE_SERVICE_H_

#include <atomic>
#include <memory>

#include "grpcpp/grpcpp.h"
#include "services/grpc/authorizer.h"
#include "services/grpc/stream_reactors.h"

namespace strata::service {

inline constexpr char kKserveServiceName[] = "inference.GRPCInferenceService";

// `leaving` is true from the beginning of a drain; `authorizer` may be null. Both outlive the
// service. Whether server and models are ready is told to everybody, as by health checks; loading,
// unloading and log settings need Scope::kAdmin.
std::unique_ptr<grpc::Service> MakeKserveService(const StreamContext& context,
                                                 const std::atomic<bool>* leaving,
                                                 Authorizer* authorizer);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_KSERVE_SERVICE_H_
