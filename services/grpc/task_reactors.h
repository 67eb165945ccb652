// The unary methods: one request, one call of the runtime, one Finish. Nothing here blocks or
// computes on a gRPC thread.
#ifndef STRATA_SERVICES_GRPC_TASK_REACTORS_H_
#define STRATA_SERVICES_GRPC_TASK_REACTORS_H_

#include <cstdint>

#include "grpcpp/grpcpp.h"
#include "services/grpc/active_calls.h"
#include "services/runtime/runtime.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata::service {

// What every method needs; outlives all calls.
struct TaskContext {
  runtime::Runtime* runtime = nullptr;
  ActiveCalls* active = nullptr;
  int64_t max_message_bytes = 0;  // of an answer; a larger one becomes RESOURCE_EXHAUSTED
};

// What to do about a summary that does not fit into a message.
inline constexpr char kShorterSummary[] = "ask for fewer sentences";

// Each returns the reactor of one call, which deletes itself.
grpc::ServerUnaryReactor* Classify(const TaskContext& task, grpc::CallbackServerContext* context,
                                   const v1::ClassifyRequest* request,
                                   v1::ClassifyResponse* response);
grpc::ServerUnaryReactor* Embed(const TaskContext& task, grpc::CallbackServerContext* context,
                                const v1::EmbedRequest* request, v1::EmbedResponse* response);
grpc::ServerUnaryReactor* Summarize(const TaskContext& task, grpc::CallbackServerContext* context,
                                    const v1::SummarizeRequest* request,
                                    v1::SummarizeResponse* response);
grpc::ServerUnaryReactor* Match(const TaskContext& task, grpc::CallbackServerContext* context,
                                const v1::MatchRequest* request, v1::MatchResponse* response);
grpc::ServerUnaryReactor* Tokenize(const TaskContext& task, grpc::CallbackServerContext* context,
                                   const v1::TokenizeRequest* request,
                                   v1::TokenizeResponse* response);
grpc::ServerUnaryReactor* InspectDocument(const TaskContext& task,
                                          grpc::CallbackServerContext* context,
                                          const v1::InspectDocumentRequest* request,
                                          v1::InspectDocumentResponse* response);
grpc::ServerUnaryReactor* ListModels(const TaskContext& task, grpc::CallbackServerContext* context,
                                     const v1::ListModelsRequest* request,
                                     v1::ListModelsResponse* response);
grpc::ServerUnaryReactor* GetModel(const TaskContext& task, grpc::CallbackServerContext* context,
                                   const v1::GetModelRequest* request,
                                   v1::GetModelResponse* response);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_TASK_REACTORS_H_
