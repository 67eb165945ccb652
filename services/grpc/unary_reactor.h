// The reactor of a unary call that is answered from elsewhere.
#ifndef STRATA_SERVICES_GRPC_UNARY_REACTOR_H_
#define STRATA_SERVICES_GRPC_UNARY_REACTOR_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"
#include "services/grpc/active_calls.h"
#include "services/grpc/status_details.h"
#include "services/runtime/runtime.h"

namespace strata::service {

// One call. gRPC binds it after the handler has returned, so neither OnCancel nor OnDone can come
// before SetCall, however soon the runtime answers.
class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  UnaryReactor(ActiveCalls* active, grpc::CallbackServerContext* context)
      : active_(active), context_(context) {
    active_->Begin();
  }

  void SetCall(std::shared_ptr<runtime::Call> call) { call_ = std::move(call); }

  void End(const absl::Status& status) {
    AddRetryPushback(status, *context_);
    Finish(ToGrpcStatus(status));
  }

  // Ends with `response`, unless it is too large to be sent.
  template <typename Message>
  void EndWith(Message* response, int64_t max_bytes, const char* advice) {
    const auto num_bytes = static_cast<int64_t>(response->ByteSizeLong());
    if (num_bytes <= max_bytes) {
      Finish(grpc::Status::OK);
      return;
    }
    response->Clear();
    End(AnswerTooLarge(num_bytes, max_bytes, advice));
  }

  // The answer of the cancelled call still comes, and ends the reactor.
  void OnCancel() override {
    if (call_ != nullptr) call_->Cancel();
  }
  void OnDone() override {
    active_->End();
    delete this;
  }

 private:
  ActiveCalls* const active_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<runtime::Call> call_;
};

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_UNARY_REACTOR_H_
