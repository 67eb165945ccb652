#include "services/grpc/stream_reactors.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/grpc/convert.h"
#include "services/grpc/status_details.h"
#include "services/grpc/stream_traits.h"
#include "services/runtime/error_detail.h"
#include "services/runtime/result_bytes.h"
#include "services/telemetry/steady_time.h"

namespace strata::service {
namespace {

absl::Status StreamFull(const StreamLimits& limits) {
  return runtime::WithDetail(
      absl::ResourceExhaustedError(absl::StrCat(
          "too much is open on this stream (at most ", limits.max_documents, " documents, ",
          limits.max_bytes, " bytes); complete some before opening more")),
      {.reason = "STREAM_FULL", .field = {}, .retry_delay = absl::Milliseconds(250)});
}

absl::Status BadStream(const std::string& field, const std::string& message) {
  return runtime::WithDetail(absl::InvalidArgumentError(message),
                             {.reason = "INVALID_STREAM", .field = field});
}

// One stream. All state is under mu_; the runtime is called without it where it may answer inside
// the call. StartRead, StartWrite and Finish are called with it: gRPC runs no reaction inside them.
// Whoever may still come here (an answer, room, housekeeping) holds a reference, so the object
// outlives OnDone where needed.
template <typename Traits>
class StreamReactor final
    : public grpc::ServerBidiReactor<typename Traits::Request, typename Traits::Response>,
      public ManagedStream,
      public std::enable_shared_from_this<StreamReactor<Traits>> {
 public:
  StreamReactor(const StreamContext& stream, grpc::CallbackServerContext* context)
      : stream_(stream),
        context_(context),
        deadline_(DeadlineOf(*context)),
        traceparent_(TraceparentOf(*context)),
        part_bytes_(std::min(kPartBytes, static_cast<size_t>(stream.max_message_bytes) / 2)) {}

  void Start() {
    stream_.active->Begin();
    self_ = this->shared_from_this();
    stream_.registry->Add(self_);
    std::lock_guard<std::mutex> lock(mu_);
    Advance();
  }

  void OnReadDone(bool ok) override {
    if (ok) Handle(read_);
    std::lock_guard<std::mutex> lock(mu_);
    reading_ = false;
    if (!ok) {
      read_closed_ = true;
      RefuseUploads(
          BadStream("chunk.last", "the stream was closed before the document was complete"));
    }
    Advance();
    if (!reading_) paused_ = true;
  }

  void OnWriteDone(bool ok) override {
    std::vector<std::shared_ptr<runtime::Call>> calls;
    {
      std::lock_guard<std::mutex> lock(mu_);
      writing_ = false;
      held_bytes_ -= std::exchange(written_bytes_, 0);
      if (!ok) calls = Abandon(absl::CancelledError("the client is gone"));
      Advance();
    }
    for (const auto& call : calls) call->Cancel();
  }

  void OnCancel() override {
    std::vector<std::shared_ptr<runtime::Call>> calls;
    {
      std::lock_guard<std::mutex> lock(mu_);
      calls = Abandon(absl::CancelledError("cancelled by the caller"));
      Advance();
    }
    for (const auto& call : calls) call->Cancel();
  }

  void OnDone() override {
    stream_.registry->Remove(this);
    const std::shared_ptr<StreamReactor> self = std::move(self_);
    stream_.active->End();
  }

  void BeginDrain() override {
    std::lock_guard<std::mutex> lock(mu_);
    draining_ = true;
    RefuseUploads(runtime::DrainingError());
    Advance();
  }

  void EndIdle(absl::Time now) override {
    std::lock_guard<std::mutex> lock(mu_);
    if (finished_ || !abandoned_.ok()) return;
    const absl::Time limit = now - stream_.limits.idle_timeout;
    if (writing_ && write_begin_ < limit) {
      context_->TryCancel();  // OnCancel does the rest
      return;
    }
    if (!reading_) return;  // it is we who do not read
    std::vector<std::shared_ptr<Document>> idle;
    for (const auto& [id, document] : documents_) {
      if (document->arriving() && std::max(document->last_chunk, resumed_) < limit) {
        idle.push_back(document);
      }
    }
    for (const auto& document : idle) {
      Refuse(*document, runtime::WithDetail(absl::DeadlineExceededError(absl::StrCat(
                                                "no chunk of the document came for ",
                                                absl::FormatDuration(stream_.limits.idle_timeout))),
                                            {.reason = "UPLOAD_IDLE"}));
    }
    Advance();
  }

 private:
  // A document that was opened and not yet answered.
  struct Document {
    std::string id;
    runtime::Request request;  // until it is submitted
    int64_t declared_size_bytes = 0;
    int64_t num_bytes = 0;   // arrived
    int64_t held_bytes = 0;  // of these, not yet read
    absl::Time last_chunk;
    bool submitted = false;
    bool cancelled = false;               // asked for before `call` was there
    std::shared_ptr<runtime::Call> call;  // once submitted
    // A sound that is heard as it arrives: submitted with its first chunk, fed with the others.
    std::optional<bool> may_feed;  // once that can be told
    std::shared_ptr<models::ByteFeed> feed;
    std::weak_ptr<runtime::Permit> permit;  // of a fed request

    bool arriving() const { return !submitted || (feed != nullptr && !feed->closed()); }
    // Its answer, or room, will come without another message of the client.
    bool moves() const { return submitted && !(arriving() && feed->waiting()); }
  };

  struct Answer {
    std::string id;
    absl::StatusOr<runtime::Response> outcome;
    size_t position = 0;  // in a list that is sent in parts
    int64_t num_bytes = 0;
    // Not empty: a part of an answer that is still to come, and `outcome` says nothing.
    std::vector<models::HeardEvent> events = {};
  };

  void Handle(typename Traits::Request& message) {
    switch (message.part_case()) {
      case Traits::Request::kHeader:
        Open(message.header());
        return;
      case Traits::Request::kChunk:
        Append(*message.mutable_chunk());
        return;
      case Traits::Request::kCancel:
        CancelDocument(message.cancel().id());
        return;
      default:
        EndWithError(BadStream("part", "a message is neither header nor chunk nor cancel"));
    }
  }

  template <typename Header>
  void Open(const Header& header) {
    const std::string& id = header.document().id();
    if (id.empty()) {
      EndWithError(BadStream("header.document.id", "a header has no id"));
      return;
    }
    // An answer could not name it.
    if (const absl::Status fits = CheckLength("header.document.id", id, kMaxIdBytes); !fits.ok()) {
      EndWithError(fits);
      return;
    }
    absl::StatusOr<runtime::Request> request = FromProto(header);
    const int64_t declared = header.document().declared_size_bytes();
    absl::Status status =
        request.ok() ? stream_.runtime->Check(*request, declared) : request.status();
    if (declared < 0) {
      status = BadStream("document.declared_size_bytes", "the declared size is negative");
    }
    std::vector<std::shared_ptr<runtime::Call>> calls;
    {
      std::lock_guard<std::mutex> lock(mu_);
      if (finished_ || !abandoned_.ok()) return;
      if (documents_.count(id) > 0) {
        calls = Abandon(BadStream(
            "header.document.id",
            absl::StrCat("a document of id '", id, "' is in flight already on this stream")));
      } else if (draining_ || !status.ok()) {
        Push(id, draining_ ? runtime::DrainingError() : status);
      } else if (static_cast<int64_t>(documents_.size()) >= stream_.limits.max_documents) {
        Push(id, StreamFull(stream_.limits));
      } else if (auto permit = stream_.runtime->Reserve(0); !permit.ok()) {
        Push(id, permit.status());
      } else {
        auto document = std::make_shared<Document>();
        document->id = id;
        document->request = *std::move(request);
        document->request.permit = *std::move(permit);
        document->declared_size_bytes = declared;
        document->last_chunk = telemetry::SteadyNow();
        documents_.emplace(id, std::move(document));
      }
    }
    for (const auto& call : calls) call->Cancel();
  }

  void Append(v1::DocumentChunk& chunk) {
    std::shared_ptr<Document> document;
    {
      std::lock_guard<std::mutex> lock(mu_);
      const auto found = documents_.find(chunk.id());
      if (found == documents_.end() || !found->second->arriving()) return;
      document = found->second;
      if (const absl::Status status = Grow(*document, *chunk.mutable_data()); !status.ok()) {
        Refuse(*document, status);
        return;
      }
      if (chunk.last() && document->declared_size_bytes > 0 &&
          document->declared_size_bytes != document->num_bytes) {
        Refuse(*document,
               BadStream("document.declared_size_bytes",
                         absl::StrCat("the header declares ", document->declared_size_bytes,
                                      " bytes, the chunks have ", document->num_bytes)));
        return;
      }
      if (document->feed != nullptr) {
        if (chunk.last()) Complete(*document);
        return;
      }
      if (!chunk.last() && !StartFeed(document)) return;
      document->submitted = true;
    }
    Submit(document);
  }

  absl::Status Grow(Document& document, std::string& data) {  // mu_ is held
    const auto size = static_cast<int64_t>(data.size());
    const int64_t max_document_bytes = stream_.runtime->limits().max_document_bytes;
    if (document.num_bytes + size > max_document_bytes) {
      return runtime::WithDetail(
          absl::ResourceExhaustedError(absl::StrCat("the document has over ", max_document_bytes,
                                                    " bytes (max_document_bytes)")),
          {.reason = "DOCUMENT_TOO_LARGE", .field = "document"});
    }
    // Over the bounds with nothing on its way out: only the single document may go on growing.
    if (documents_.size() > 1 &&
        held_bytes_ + size > std::max(stream_.limits.max_bytes, max_document_bytes) && !IsBusy()) {
      return StreamFull(stream_.limits);
    }
    const std::shared_ptr<runtime::Permit> permit =
        document.feed != nullptr ? document.permit.lock() : document.request.permit;
    if (permit == nullptr) return absl::OkStatus();  // answered, and the answer is on its way
    if (absl::Status status = permit->Grow(size); !status.ok()) return status;
    document.num_bytes += size;
    document.held_bytes += size;
    document.last_chunk = telemetry::SteadyNow();
    held_bytes_ += size;
    if (document.feed != nullptr) {
      document.feed->Append(std::move(data));
    } else if (document.request.document.empty()) {
      document.request.document = std::move(data);
    } else {
      document.request.document.append(data);
    }
    return absl::OkStatus();
  }

  // From here on the document is heard as it arrives, if it can be. mu_ is held.
  bool StartFeed(const std::shared_ptr<Document>& document) {
    runtime::Request& request = document->request;
    if (!document->may_feed) {
      document->may_feed = stream_.runtime->MayFeed(request, request.document);
    }
    if (document->may_feed != true) return false;
    document->permit = request.permit;
    document->feed = std::make_shared<models::ByteFeed>(
        [weak = this->weak_from_this(), fed = std::weak_ptr<Document>(document)](int64_t dropped) {
          const auto self = weak.lock();
          const auto heard = fed.lock();
          if (self != nullptr && heard != nullptr) self->Heard(*heard, dropped);
        });
    document->feed->Append(std::exchange(request.document, {}));
    request.feed = document->feed;
    return true;
  }

  static void Complete(Document& document) {
    if (const auto permit = document.permit.lock()) permit->Commit();
    document.feed->Close();
  }

  // Bytes of a fed document are not needed any more; or none, and more of them are.
  void Heard(Document& document, int64_t num_bytes) {
    if (const auto permit = document.permit.lock()) permit->Shrink(num_bytes);
    std::lock_guard<std::mutex> lock(mu_);
    num_bytes = std::min(num_bytes, document.held_bytes);
    document.held_bytes -= num_bytes;
    held_bytes_ -= num_bytes;
    Advance();
  }

  void Submit(const std::shared_ptr<Document>& document) {
    document->request.deadline = deadline_;
    document->request.traceparent = traceparent_;
    if (document->request.task.events) {
      document->request.on_events = [self = this->shared_from_this(),
                                     document](std::vector<models::HeardEvent> events) {
        self->AnsweredInPart(*document, std::move(events));
      };
    }
    auto call = stream_.runtime->Submit(
        std::move(document->request),
        [self = this->shared_from_this(), document](absl::StatusOr<runtime::Response> answer) {
          self->Answered(*document, std::move(answer));
        });
    bool cancelled = false;
    {
      std::lock_guard<std::mutex> lock(mu_);
      document->call = call;
      cancelled = document->cancelled || !abandoned_.ok();
    }
    if (cancelled) call->Cancel();
  }

  void Answered(Document& document, absl::StatusOr<runtime::Response> answer) {
    if (answer.ok()) answer->tree = {};  // the results say what is needed of it
    std::lock_guard<std::mutex> lock(mu_);
    held_bytes_ -= std::exchange(document.held_bytes, 0);
    documents_.erase(document.id);
    Push(document.id, std::move(answer));
    Advance();
  }

  void AnsweredInPart(const Document& document, std::vector<models::HeardEvent> events) {
    std::lock_guard<std::mutex> lock(mu_);
    const auto found = documents_.find(document.id);
    const bool answered = found == documents_.end() || found->second.get() != &document;
    if (!abandoned_.ok() || answered) return;
    const auto num_bytes = static_cast<int64_t>(runtime::BytesOf(events));
    held_bytes_ += num_bytes;
    answers_.push_back({document.id, runtime::Response(), 0, num_bytes, std::move(events)});
    Advance();
  }

  void CancelDocument(const std::string& id) {
    std::shared_ptr<runtime::Call> call;
    {
      std::lock_guard<std::mutex> lock(mu_);
      const auto found = documents_.find(id);
      if (found == documents_.end()) return;
      const std::shared_ptr<Document> document = found->second;
      if (!document->submitted) {
        Refuse(*document, runtime::WithDetail(absl::CancelledError("cancelled by the caller"),
                                              {.reason = "CANCELLED"}));
        return;
      }
      document->cancelled = true;
      call = document->call;
    }
    if (call != nullptr) call->Cancel();
  }

  void EndWithError(const absl::Status& status) {
    std::vector<std::shared_ptr<runtime::Call>> calls;
    {
      std::lock_guard<std::mutex> lock(mu_);
      calls = Abandon(status);
    }
    for (const auto& call : calls) call->Cancel();
  }

  // What follows is called with mu_ held.

  // Nothing more is to be sent. Returns the calls to cancel, once mu_ is free; their answers, which
  // are thrown away, end the stream.
  std::vector<std::shared_ptr<runtime::Call>> Abandon(const absl::Status& why) {
    if (!abandoned_.ok()) return {};
    abandoned_ = why;
    answers_.clear();
    std::vector<std::shared_ptr<runtime::Call>> calls;
    for (auto it = documents_.begin(); it != documents_.end();) {
      if (it->second->submitted) {
        if (it->second->call != nullptr) calls.push_back(it->second->call);
        ++it;
      } else {
        it = documents_.erase(it);
      }
    }
    return calls;
  }

  void RefuseUploads(const absl::Status& status) {
    std::vector<std::shared_ptr<Document>> uploads;
    for (const auto& [id, document] : documents_) {
      if (document->arriving()) uploads.push_back(document);
    }
    for (const auto& document : uploads) Refuse(*document, status);
  }

  // Ends a document that is still arriving; the caller holds a reference to it.
  void Refuse(Document& document, const absl::Status& status) {
    if (document.feed != nullptr) {  // its answer says so
      document.feed->Close(status);
      return;
    }
    held_bytes_ -= std::exchange(document.held_bytes, 0);
    document.request = {};  // the bytes and their permit
    documents_.erase(document.id);
    Push(document.id, status);
  }

  void Push(const std::string& id, absl::StatusOr<runtime::Response> outcome) {
    if (!abandoned_.ok()) return;
    const auto num_bytes = static_cast<int64_t>(outcome.ok() ? runtime::BytesOf(outcome->result)
                                                             : outcome.status().message().size());
    held_bytes_ += num_bytes;
    answers_.push_back({id, std::move(outcome), 0, num_bytes, {}});
  }

  // True if answers will leave, or room will come, without another message of the client.
  bool IsBusy() const {
    return writing_ || !answers_.empty() ||
           std::any_of(documents_.begin(), documents_.end(),
                       [](const auto& entry) { return entry.second->moves(); });
  }

  bool MayRead() {
    if (reading_ || read_closed_ || draining_ || waiting_for_room_ || !abandoned_.ok()) {
      return false;
    }
    const bool over =
        held_bytes_ >= stream_.limits.max_bytes ||
        static_cast<int64_t>(documents_.size() + answers_.size()) >= stream_.limits.max_documents;
    if (over && IsBusy()) return false;
    if (stream_.runtime->HasRoom()) return true;
    waiting_for_room_ = true;
    stream_.runtime->WhenRoom([weak = this->weak_from_this()] {
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
    if (!writing_ && !answers_.empty()) Write();
    if (MayRead()) {
      reading_ = true;
      if (std::exchange(paused_, false)) resumed_ = telemetry::SteadyNow();
      this->StartRead(&read_);
    }
    if (writing_ || !documents_.empty() || !answers_.empty()) return;
    if (abandoned_.ok() && !read_closed_ && !draining_) return;
    finished_ = true;
    this->Finish(!abandoned_.ok() ? ToGrpcStatus(abandoned_)
                 : read_closed_   ? grpc::Status::OK
                                  : ToGrpcStatus(runtime::DrainingError()));
  }

  void Write() {
    Answer& answer = answers_.front();
    write_.Clear();
    bool last = true;
    if (!answer.events.empty()) {
      Traits::FillPart(answer.events, write_);
    } else if (answer.outcome.ok()) {
      last = Traits::Fill(*answer.outcome, part_bytes_, answer.position, write_);
      if (const auto size = static_cast<int64_t>(write_.ByteSizeLong());
          size > stream_.max_message_bytes) {
        write_.Clear();
        last = true;
        *write_.mutable_error() =
            ToRpcStatus(AnswerTooLarge(size, stream_.max_message_bytes, "ask without explain"));
      }
    } else {
      *write_.mutable_error() = ToRpcStatus(answer.outcome.status());
    }
    write_.set_id(answer.id);
    if (last) {
      written_bytes_ = answer.num_bytes;
      answers_.pop_front();
    }
    writing_ = true;
    write_begin_ = telemetry::SteadyNow();
    this->StartWrite(&write_);
  }

  const StreamContext stream_;
  grpc::CallbackServerContext* const context_;  // valid until OnDone, so while !finished_
  const absl::Time deadline_;
  const std::string traceparent_;
  const size_t part_bytes_;
  std::shared_ptr<StreamReactor> self_;  // until OnDone

  typename Traits::Request read_;    // owned by gRPC while reading_
  typename Traits::Response write_;  // owned by gRPC while writing_

  std::mutex mu_;
  std::unordered_map<std::string, std::shared_ptr<Document>> documents_;
  std::deque<Answer> answers_;
  int64_t held_bytes_ = 0;     // documents and answers
  int64_t written_bytes_ = 0;  // of the answer that ends with the message being written
  absl::Time write_begin_;
  absl::Time resumed_ = absl::InfinitePast();  // when reading went on after a pause of ours
  bool reading_ = false;
  bool paused_ = false;  // nothing was read right after the last message
  bool writing_ = false;
  bool read_closed_ = false;
  bool draining_ = false;
  bool waiting_for_room_ = false;
  bool finished_ = false;
  absl::Status abandoned_;  // not OK: nothing more is sent, and the stream ends with it
};

template <typename Traits>
StreamReactor<Traits>* StartStream(const StreamContext& stream,
                                   grpc::CallbackServerContext* context) {
  const auto reactor = std::make_shared<StreamReactor<Traits>>(stream, context);
  reactor->Start();
  return reactor.get();
}

}  // namespace

void StreamRegistry::Add(const std::shared_ptr<ManagedStream>& stream) {
  bool draining = false;
  {
    std::lock_guard<std::mutex> lock(mu_);
    streams_.emplace(stream.get(), stream);
    draining = draining_;
  }
  if (draining) stream->BeginDrain();
}

void StreamRegistry::Remove(const ManagedStream* stream) {
  std::lock_guard<std::mutex> lock(mu_);
  streams_.erase(stream);
}

void StreamRegistry::BeginDrain() {
  std::vector<std::shared_ptr<ManagedStream>> streams;
  {
    std::lock_guard<std::mutex> lock(mu_);
    draining_ = true;
    for (const auto& [key, stream] : streams_) streams.push_back(stream.lock());
  }
  for (const auto& stream : streams) {
    if (stream != nullptr) stream->BeginDrain();
  }
}

void StreamRegistry::EndIdle(absl::Time now) {
  std::vector<std::shared_ptr<ManagedStream>> streams;
  {
    std::lock_guard<std::mutex> lock(mu_);
    for (const auto& [key, stream] : streams_) streams.push_back(stream.lock());
  }
  for (const auto& stream : streams) {
    if (stream != nullptr) stream->EndIdle(now);
  }
}

grpc::ServerBidiReactor<v1::ClassifyStreamRequest, v1::ClassifyStreamResponse>* ClassifyStream(
    const StreamContext& stream, grpc::CallbackServerContext* context) {
  return StartStream<ClassifyTraits>(stream, context);
}

grpc::ServerBidiReactor<v1::EmbedStreamRequest, v1::EmbedStreamResponse>* EmbedStream(
    const StreamContext& stream, grpc::CallbackServerContext* context) {
  return StartStream<EmbedTraits>(stream, context);
}

}  // namespace strata::service
