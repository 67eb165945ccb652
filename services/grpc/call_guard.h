// The door of every method: who may not call it gets the reason, and the method never starts.
#ifndef STRATA_SERVICES_GRPC_CALL_GUARD_H_
#define STRATA_SERVICES_GRPC_CALL_GUARD_H_

#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"
#include "services/grpc/authorizer.h"
#include "services/grpc/status_details.h"
#include "services/telemetry/steady_time.h"

namespace strata::service {

// Thread-safe; cheap to copy. `authorizer` outlives all calls; null = everybody may do everything.
class CallGuard {
 public:
  explicit CallGuard(Authorizer* authorizer) : authorizer_(authorizer) {}

  // `method()` gives the reactor of an allowed call.
  template <typename Method>
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, Scope scope,
                                  Method method) const {
    const absl::Status status = Check(*context, scope);
    if (status.ok()) return method();
    AddRetryPushback(status, *context);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }
  template <typename Request, typename Response, typename Method>
  grpc::ServerBidiReactor<Request, Response>* Stream(grpc::CallbackServerContext* context,
                                                     Scope scope, Method method) const {
    const absl::Status status = Check(*context, scope);
    if (status.ok()) return method();
    AddRetryPushback(status, *context);
    return new RefusedStream<Request, Response>(ToGrpcStatus(status));
  }
  template <typename Response, typename Method>
  grpc::ServerWriteReactor<Response>* Write(grpc::CallbackServerContext* context, Scope scope,
                                            Method method) const {
    const absl::Status status = Check(*context, scope);
    if (status.ok()) return method();
    AddRetryPushback(status, *context);
    return new RefusedWrite<Response>(ToGrpcStatus(status));
  }

 private:
  template <typename Response>
  class RefusedWrite final : public grpc::ServerWriteReactor<Response> {
   public:
    explicit RefusedWrite(const grpc::Status& status) { this->Finish(status); }
    void OnDone() override { delete this; }
  };
  template <typename Request, typename Response>
  class RefusedStream final : public grpc::ServerBidiReactor<Request, Response> {
   public:
    explicit RefusedStream(const grpc::Status& status) { this->Finish(status); }
    void OnDone() override { delete this; }
  };

  absl::Status Check(const grpc::CallbackServerContext& context, Scope scope) const {
    if (authorizer_ == nullptr) return absl::OkStatus();
    const auto& metadata = context.client_metadata();
    const auto found = metadata.find("authorization");
    const std::string_view value =
        found == metadata.end() ? std::string_view()
                                : std::string_view(found->second.data(), found->second.size());
    return authorizer_->Check(value, scope, telemetry::SteadyNow());
  }

  Authorizer* const authorizer_;
};

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_CALL_GUARD_H_
