// StreamSummary: the text of a summary as it is written, then the whole answer.
#ifndef STRATA_SERVICES_GRPC_SUMMARY_REACTOR_H_
#define STRATA_SERVICES_GRPC_SUMMARY_REACTOR_H_

#include "grpcpp/grpcpp.h"
#include "services/grpc/task_reactors.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata::service {

// The reactor of one call, which deletes itself. A client that reads slowly gets what has gathered
// meanwhile in one message; the writing does not wait for it.
grpc::ServerWriteReactor<v1::StreamSummaryResponse>* StreamSummary(
    const TaskContext& task, grpc::CallbackServerContext* context,
    const v1::SummarizeRequest* request);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_SUMMARY_REACTOR_H_
