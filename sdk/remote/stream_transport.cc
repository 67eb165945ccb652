#include "sdk/remote/stream_transport.h"

#include <chrono>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sdk/remote/bidi_stream.h"
#include "sdk/remote/convert.h"
#include "sdk/remote/upload.h"

namespace strata::internal {

class StreamTransport::Session {
 public:
  using Stream = BidiStream<v1::ClassifyStreamRequest, v1::ClassifyStreamResponse>;

  Session(const CallSettings& settings, const ManyDriver::Answer& answer)
      : settings_(settings),
        answer_(answer),
        stream_([this](v1::ClassifyStreamResponse& response) { OnResponse(response); },
                [this](const grpc::Status& status) { OnEnd(status); }) {
    settings.Apply(absl::InfiniteFuture(), stream_.context());
    stream_.Begin([&](grpc::ClientContext* context, auto* reactor) {
      settings.stub->async()->ClassifyStream(context, reactor);
    });
  }

  // The service ends the call once all is answered; it is not waited for long.
  ~Session() {
    stream_.HalfClose();
    stream_.WaitFor(std::chrono::milliseconds(500));
  }

  Stream& stream() { return stream_; }

  // False if the stream has ended.
  bool Add(std::uint64_t ticket, const std::string& id) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ended_) return false;
    waiting_[id] = ticket;
    return true;
  }
  // False if it was answered already.
  bool Remove(const std::string& id) {
    std::lock_guard<std::mutex> lock(mutex_);
    parts_.erase(id);
    return waiting_.erase(id) > 0;
  }
  bool Waits(const std::string& id) {
    std::lock_guard<std::mutex> lock(mutex_);
    return waiting_.count(id) > 0;
  }
  std::string IdOf(std::uint64_t ticket) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [id, waiting] : waiting_) {
      if (waiting == ticket) return id;
    }
    return "";
  }
  // Ends the stream; what waits on it is to be sent again.
  void Restart() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      restarted_ = true;
    }
    stream_.Cancel();
  }

 private:
  void OnResponse(v1::ClassifyStreamResponse& response) {
    std::uint64_t ticket = 0;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto found = waiting_.find(response.id());
      if (found == waiting_.end()) return;  // given up meanwhile
      if (response.has_result() && response.more()) {
        for (const v1::SoundEvent& event : response.result().events()) {
          *parts_[response.id()].add_events() = event;
        }
        return;
      }
      ticket = found->second;
      waiting_.erase(found);
      if (const auto part = parts_.find(response.id()); part != parts_.end()) {
        part->second.mutable_events()->MergeFrom(response.result().events());
        if (response.has_result()) {
          response.mutable_result()->mutable_events()->Swap(part->second.mutable_events());
        }
        parts_.erase(part);
      }
    }
    if (response.has_error()) {
      absl::Status error = FromProto(response.error());
      if (error.ok()) error = absl::InternalError("the service answered with an error of code OK");
      answer_(ticket, std::move(error));
    } else if (response.has_result()) {
      answer_(ticket, FromProto(response.result()));
    } else {
      answer_(ticket, absl::InternalError("the service's answer holds neither result nor error"));
    }
  }

  void OnEnd(const grpc::Status& status) {
    std::map<std::string, std::uint64_t> left;
    bool restarted = false;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
      left.swap(waiting_);
      restarted = restarted_;
    }
    absl::Status error = settings_.ToStatus(status);
    if (error.ok() || restarted) {
      error = absl::UnavailableError("the stream ended before the document was answered");
    }
    for (const auto& [id, ticket] : left) answer_(ticket, error);
  }

  const CallSettings& settings_;
  const ManyDriver::Answer& answer_;
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> waiting_;     // by wire id
  std::map<std::string, v1::ClassifyResult> parts_;  // events that came before the answer
  bool ended_ = false;
  bool restarted_ = false;
  Stream stream_;  // last: its end is waited for while the rest lives
};

StreamTransport::StreamTransport(CallSettings settings, ClassifyOptions options)
    : settings_(std::move(settings)), options_(std::move(options)) {}

StreamTransport::~StreamTransport() = default;

void StreamTransport::Start(ManyDriver::Answer answer) { answer_ = std::move(answer); }

void StreamTransport::Send(std::uint64_t ticket, const DocumentInput& document, absl::Time) {
  // The ticket makes it unique, the document's own id makes the service's log readable.
  const std::string id = absl::StrCat(ticket, ":", ToUtf8Tail(document.id(), 200));
  std::shared_ptr<Session> session;
  std::shared_ptr<Session> ended;  // destroyed outside the lock
  std::vector<std::string> abandoned;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (session_ == nullptr || !session_->Add(ticket, id)) {
      ended = std::exchange(session_, std::make_shared<Session>(settings_, answer_));
      abandoned_.clear();
      // A stream that ends at once has answered nobody: this ticket is answered here.
      if (!session_->Add(ticket, id)) ended = std::exchange(session_, nullptr);
    }
    session = session_;
    sending_ = ticket;
    abandoned.swap(abandoned_);
    if (cancelled_ && session != nullptr) session->stream().Cancel();
  }
  if (session == nullptr) {
    answer_(ticket, absl::UnavailableError("the stream ended at once"));
  } else {
    for (const std::string& abandoned_id : abandoned) {
      v1::ClassifyStreamRequest cancel;
      cancel.mutable_cancel()->set_id(abandoned_id);
      session->stream().Write(cancel);
    }
    v1::ClassifyStreamRequest request;
    v1::ClassifyStreamHeader& header = *request.mutable_header();
    FillDocumentHeader(document, id, header);
    header.set_model(options_.model);
    *header.mutable_options() = ToProto(options_);
    const absl::Status status = UploadDocument(
        document, id, request, static_cast<std::size_t>(settings_.options.chunk_bytes),
        [&] { return !session->Waits(id); }, session->stream());
    if (!status.ok() && session->Remove(id)) answer_(ticket, status);
  }
  std::lock_guard<std::mutex> lock(mutex_);
  sending_ = 0;
}

void StreamTransport::Abandon(std::uint64_t ticket) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (session_ == nullptr) return;
  const std::string id = session_->IdOf(ticket);
  if (!session_->Remove(id)) return;
  if (sending_ == ticket) {
    session_->Restart();  // the upload itself is stuck
  } else {
    abandoned_.push_back(id);
  }
}

void StreamTransport::Cancel() {
  std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = true;
  if (session_ != nullptr) session_->stream().Cancel();
}

}  // namespace strata::internal
