#include "services/grpc/summary_reactor.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "services/grpc/convert.h"
#include "services/grpc/status_details.h"

namespace strata::service {
namespace {

// All state is under mu_. StartWrite and Finish are called with it: gRPC runs no reaction inside
// them. Whoever may still come here (a part of the text, the answer) holds a reference, so the
// object outlives OnDone where needed.
class SummaryReactor final : public grpc::ServerWriteReactor<v1::StreamSummaryResponse>,
                             public std::enable_shared_from_this<SummaryReactor> {
 public:
  SummaryReactor(const TaskContext& task, grpc::CallbackServerContext* context)
      : active_(task.active), context_(context), max_message_bytes_(task.max_message_bytes) {
    active_->Begin();
  }

  void Start(runtime::Runtime& runtime, absl::StatusOr<runtime::Request> request) {
    self_ = shared_from_this();
    if (!request.ok()) {
      End(request.status());
      return;
    }
    request->on_text = [self = self_](const std::string& part) { self->Tell(part); };
    std::shared_ptr<runtime::Call> call = runtime.Submit(
        *std::move(request),
        [self = self_](const absl::StatusOr<runtime::Response>& answer) { self->Answer(answer); });
    bool unwanted = false;
    {
      std::lock_guard<std::mutex> lock(mu_);
      unwanted = unwanted_;
      call_ = call;
    }
    if (unwanted) call->Cancel();
  }

  void OnWriteDone(bool ok) override {
    std::shared_ptr<runtime::Call> call;
    {
      std::lock_guard<std::mutex> lock(mu_);
      writing_ = false;
      if (!ok) call = Abandon();
      Advance();
    }
    if (call != nullptr) call->Cancel();
  }

  // The answer of the cancelled call still comes, and ends the reactor.
  void OnCancel() override {
    std::shared_ptr<runtime::Call> call;
    {
      std::lock_guard<std::mutex> lock(mu_);
      call = Abandon();
    }
    if (call != nullptr) call->Cancel();
  }

  void OnDone() override {
    active_->End();
    std::shared_ptr<SummaryReactor> self;
    std::lock_guard<std::mutex> lock(mu_);
    self = std::move(self_);  // goes after the lock
  }

 private:
  void Tell(const std::string& part) {
    std::lock_guard<std::mutex> lock(mu_);
    text_ += part;
    Advance();
  }

  void Answer(const absl::StatusOr<runtime::Response>& answer) {
    std::lock_guard<std::mutex> lock(mu_);
    if (answer.ok()) {
      v1::SummarizeResponse& response = *last_.emplace().mutable_answer();
      response.set_id(answer->id);
      ToProto(*answer, response.mutable_result());
      end_ = absl::OkStatus();
      if (const auto num_bytes = static_cast<int64_t>(last_->ByteSizeLong());
          num_bytes > max_message_bytes_) {
        last_.reset();
        end_ = AnswerTooLarge(num_bytes, max_message_bytes_, kShorterSummary);
      }
    } else {
      end_ = answer.status();
    }
    Advance();
  }

  void End(const absl::Status& status) {
    std::lock_guard<std::mutex> lock(mu_);
    end_ = status;
    Advance();
  }

  std::shared_ptr<runtime::Call> Abandon() {
    unwanted_ = true;
    text_.clear();
    last_.reset();
    return call_;
  }

  // The next write, or the end. mu_ is held.
  void Advance() {
    if (writing_ || finished_) return;
    if (!unwanted_ && !text_.empty()) {
      written_.set_text(std::exchange(text_, {}));
    } else if (!unwanted_ && last_.has_value()) {
      written_ = *std::move(last_);
      last_.reset();
    } else {
      if (!end_.has_value()) return;
      finished_ = true;
      AddRetryPushback(*end_, *context_);
      Finish(ToGrpcStatus(*end_));
      return;
    }
    writing_ = true;
    StartWrite(&written_);
  }

  ActiveCalls* const active_;
  grpc::CallbackServerContext* const context_;
  const int64_t max_message_bytes_;

  std::mutex mu_;
  std::shared_ptr<SummaryReactor> self_;  // until OnDone
  std::shared_ptr<runtime::Call> call_;
  std::string text_;  // told and not yet written
  std::optional<v1::StreamSummaryResponse> last_;
  std::optional<absl::Status> end_;  // once the answer is there
  v1::StreamSummaryResponse written_;
  bool writing_ = false;
  bool unwanted_ = false;  // the client is gone
  bool finished_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::StreamSummaryResponse>* StreamSummary(
    const TaskContext& task, grpc::CallbackServerContext* context,
    const v1::SummarizeRequest* request) {
  auto reactor = std::make_shared<SummaryReactor>(task, context);
  absl::StatusOr<runtime::Request> converted = FromProto(*request);
  if (converted.ok()) {
    converted->deadline = DeadlineOf(*context);
    converted->traceparent = TraceparentOf(*context);
  }
  SummaryReactor* const raw = reactor.get();
  reactor->Start(*task.runtime, std::move(converted));
  return raw;
}

}  // namespace strata::service
