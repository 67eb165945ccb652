#include "services/grpc/kserve_stream.h"

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/grpc/convert.h"
#include "services/grpc/kserve_infer.h"
#include "services/grpc/status_details.h"
#include "services/runtime/error_detail.h"
#include "services/telemetry/steady_time.h"

namespace strata::service {
namespace {

using Request = inference::ModelInferRequest;
using Response = inference::ModelStreamInferResponse;
using Calls = std::vector<std::shared_ptr<runtime::Call>>;

// True where the client wants an error to end its stream.
bool WantsErrorsAsStatus(const grpc::CallbackServerContext& context) {
  const auto range = context.client_metadata().equal_range("triton_grpc_error");
  for (auto it = range.first; it != range.second; ++it) {
    if (it->second == "true" || it->second == "1") return true;
  }
  return false;
}

// All state is under mu_; the runtime is called without it, as it may answer inside the call.
// Whoever may still come here holds a reference, so the object outlives OnDone where needed.
class InferStream final : public grpc::ServerBidiReactor<Request, Response>,
                          public ManagedStream,
                          public std::enable_shared_from_this<InferStream> {
 public:
  InferStream(const StreamContext& stream, grpc::CallbackServerContext* context)
      : stream_(stream),
        context_(context),
        caller_{DeadlineOf(*context), TraceparentOf(*context), stream.max_message_bytes},
        errors_as_status_(WantsErrorsAsStatus(*context)) {}

  void Start() {
    stream_.active->Begin();
    self_ = shared_from_this();
    stream_.registry->Add(self_);
    std::lock_guard<std::mutex> lock(mu_);
    read_ = std::make_shared<Slot>();
    Advance();
  }

  void OnReadDone(bool ok) override {
    std::shared_ptr<Slot> slot;
    {
      std::lock_guard<std::mutex> lock(mu_);
      reading_ = false;
      read_closed_ = !ok;
      if (ok && end_.ok() && !finished_) {
        slot = std::exchange(read_, std::make_shared<Slot>());
        slot->num_bytes = static_cast<int64_t>(slot->request.SpaceUsedLong());
        held_bytes_ += slot->num_bytes;
        slots_.push_back(slot);
        ++num_running_;
      }
    }
    if (slot != nullptr) Submit(slot);
    std::lock_guard<std::mutex> lock(mu_);
    Advance();
  }

  void OnWriteDone(bool ok) override {
    Calls calls;
    {
      std::lock_guard<std::mutex> lock(mu_);
      writing_ = false;
      held_bytes_ -= std::exchange(written_bytes_, 0);
      if (!ok) calls = End(absl::CancelledError("the client is gone"));
      Advance();
    }
    for (const auto& call : calls) call->Cancel();
  }

  void OnCancel() override {
    Calls calls;
    {
      std::lock_guard<std::mutex> lock(mu_);
      calls = End(absl::CancelledError("cancelled by the caller"));
      Advance();
    }
    for (const auto& call : calls) call->Cancel();
  }

  void OnDone() override {
    stream_.registry->Remove(this);
    const std::shared_ptr<InferStream> self = std::move(self_);
    stream_.active->End();
  }

  void BeginDrain() override {
    std::lock_guard<std::mutex> lock(mu_);
    draining_ = true;
    Advance();
  }

  void EndIdle(absl::Time now) override {
    std::lock_guard<std::mutex> lock(mu_);
    if (!finished_ && writing_ && write_begin_ < now - stream_.limits.idle_timeout) {
      context_->TryCancel();  // OnCancel does the rest
    }
  }

 private:
  // One request, from its arrival to the write of its answer.
  struct Slot {
    Request request;
    int64_t num_bytes = 0;  // of the request, then of the answer
    std::shared_ptr<runtime::Call> call;
    std::optional<absl::StatusOr<inference::ModelInferResponse>> answer;
  };

  void Submit(const std::shared_ptr<Slot>& slot) {
    auto call = Infer(
        *stream_.runtime, slot->request, caller_,
        [self = shared_from_this(), slot](absl::StatusOr<inference::ModelInferResponse> answer) {
          self->Answered(*slot, std::move(answer));
        });
    bool unwanted = false;
    {
      std::lock_guard<std::mutex> lock(mu_);
      unwanted = !end_.ok();
      if (!slot->answer.has_value()) slot->call = call;
    }
    if (unwanted) call->Cancel();
  }

  void Answered(Slot& slot, absl::StatusOr<inference::ModelInferResponse> answer) {
    Calls calls;
    {
      std::lock_guard<std::mutex> lock(mu_);
      --num_running_;
      held_bytes_ -= slot.num_bytes;
      slot.num_bytes = answer.ok() ? static_cast<int64_t>(answer->SpaceUsedLong()) : 0;
      held_bytes_ += slot.num_bytes;
      const std::string name = std::move(*slot.request.mutable_model_name());
      const std::string id = std::move(*slot.request.mutable_id());
      slot.request.Clear();
      slot.request.set_model_name(name);
      slot.request.set_id(id);
      slot.call = nullptr;
      if (!answer.ok() && errors_as_status_) calls = End(answer.status());
      slot.answer = std::move(answer);
      Advance();
    }
    for (const auto& call : calls) call->Cancel();
  }

  // What follows is called with mu_ held.

  // Nothing more is read or sent; returns what is to be cancelled, whose answers are waited for.
  Calls End(const absl::Status& status) {
    if (!end_.ok()) return {};
    end_ = status;
    Calls calls;
    for (const auto& slot : slots_) {
      if (slot->call != nullptr) calls.push_back(slot->call);
    }
    slots_.clear();
    return calls;
  }

  bool MayRead() {
    if (reading_ || read_closed_ || draining_ || waiting_for_room_ || !end_.ok()) return false;
    if (!slots_.empty() && (held_bytes_ >= stream_.limits.max_bytes ||
                            static_cast<int64_t>(slots_.size()) >= stream_.limits.max_documents)) {
      return false;
    }
    if (stream_.runtime->HasRoom()) return true;
    waiting_for_room_ = true;
    stream_.runtime->WhenRoom([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      std::lock_guard<std::mutex> lock(self->mu_);
      self->waiting_for_room_ = false;
      self->Advance();
    });
    return false;
  }

  // Starts whatever the state allows.
  void Advance() {
    if (finished_) return;
    if (!writing_ && end_.ok() && !slots_.empty() && slots_.front()->answer.has_value()) Write();
    if (MayRead()) {
      reading_ = true;
      StartRead(&read_->request);
    }
    if (writing_ || num_running_ > 0 || !slots_.empty()) return;
    if (end_.ok() && !read_closed_ && !draining_) return;
    finished_ = true;
    Finish(!end_.ok()     ? ToGrpcStatus(end_)
           : read_closed_ ? grpc::Status::OK
                          : ToGrpcStatus(runtime::DrainingError()));
  }

  void Write() {
    const std::shared_ptr<Slot> slot = slots_.front();
    slots_.pop_front();
    write_.Clear();
    if (slot->answer->ok()) {
      *write_.mutable_infer_response() = *std::move(*slot->answer);
    } else {
      const google::rpc::Status status = ToRpcStatus(slot->answer->status());
      write_.set_error_message(absl::StrCat(absl::StatusCodeToString(slot->answer->status().code()),
                                            ": ", status.message()));
      write_.mutable_infer_response()->set_model_name(slot->request.model_name());
      write_.mutable_infer_response()->set_id(slot->request.id());
    }
    written_bytes_ = slot->num_bytes;
    writing_ = true;
    write_begin_ = telemetry::SteadyNow();
    StartWrite(&write_);
  }

  const StreamContext stream_;
  grpc::CallbackServerContext* const context_;  // valid until OnDone, so while !finished_
  const InferCaller caller_;
  const bool errors_as_status_;
  std::shared_ptr<InferStream> self_;  // until OnDone

  std::shared_ptr<Slot> read_;  // its request is gRPC's while reading_
  Response write_;              // gRPC's while writing_

  std::mutex mu_;
  std::deque<std::shared_ptr<Slot>> slots_;  // in order of arrival
  int64_t num_running_ = 0;                  // submitted and not answered, also after End
  int64_t held_bytes_ = 0;                   // requests and answers
  int64_t written_bytes_ = 0;                // of the answer that is being written
  absl::Time write_begin_;
  bool reading_ = false;
  bool writing_ = false;
  bool read_closed_ = false;
  bool draining_ = false;
  bool waiting_for_room_ = false;
  bool finished_ = false;
  absl::Status end_;  // not OK: nothing more is sent, and the stream ends with it
};

}  // namespace

grpc::ServerBidiReactor<Request, Response>* StartInferStream(const StreamContext& stream,
                                                             grpc::CallbackServerContext* context) {
  const auto reactor = std::make_shared<InferStream>(stream, context);
  reactor->Start();
  return reactor.get();
}

}  // namespace strata::service
