#include "sdk/remote/grpc_connection.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sdk/client/many_driver.h"
#include "sdk/client/rank_in_parts.h"
#include "sdk/remote/bidi_stream.h"
#include "sdk/remote/call_settings.h"
#include "sdk/remote/convert.h"
#include "sdk/remote/stream_transport.h"
#include "sdk/remote/upload.h"
#include "strata/client.h"

namespace strata::internal {
namespace {

class GrpcConnection final : public Connection {
 public:
  GrpcConnection(CallSettings settings, std::shared_ptr<Clock> clock)
      : settings_(std::move(settings)), clock_(std::move(clock)) {}

  absl::StatusOr<ClassifyResult> Classify(const DocumentInput& document,
                                          const ClassifyOptions& options) override;
  absl::StatusOr<EmbedResult> Embed(const DocumentInput& document,
                                    const EmbedOptions& options) override;
  absl::StatusOr<SummarizeResult> Summarize(const DocumentInput& document,
                                            const SummarizeOptions& options,
                                            const TextCallback& on_text) override;
  absl::StatusOr<Ranking> Rank(const DocumentInput& document,
                               const std::vector<DocumentInput>& candidates,
                               const MatchOptions& options) override;
  absl::StatusOr<TokenizeResult> Tokenize(const std::string& text,
                                          const TokenizeOptions& options) override;
  absl::StatusOr<DocumentStructure> Inspect(const DocumentInput& document,
                                            const InspectOptions& options) override;
  absl::StatusOr<std::vector<ModelDescription>> ListModels() override;
  std::unique_ptr<ClassifyStream> ClassifyMany(DocumentSource source, ClassifyCallback on_result,
                                               const ClassifyManyOptions& options) override {
    return std::make_unique<ManyDriver>(
        std::make_unique<StreamTransport>(settings_, options.classify), std::move(source),
        std::move(on_result), options, clock_);
  }

 private:
  using Stub = v1::StrataService::Stub;

  absl::Time Deadline(const std::optional<absl::Duration>& timeout) const {
    return clock_->Now() + timeout.value_or(settings_.options.timeout);
  }

  // One unary method, once.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallOnce(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                                    const Request& request, absl::Time deadline) {
    grpc::ClientContext context;
    settings_.Apply(deadline, context);
    Response response;
    const grpc::Status status = (settings_.stub.get()->*method)(&context, request, &response);
    if (!status.ok()) return settings_.ToStatus(status);
    return response;
  }

  // One unary method until it succeeds, fails for good or runs out of time.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, absl::Time deadline) {
    return RetryCall<Response>(settings_.options.retry, deadline, *clock_,
                               [&] { return CallOnce(method, request, deadline); });
  }

  // One document through a stream of its own, once. `on_response` is given each response until it
  // says that the answer is complete.
  template <typename Request, typename Response>
  absl::Status StreamOnce(void (Stub::async::*method)(grpc::ClientContext*,
                                                      grpc::ClientBidiReactor<Request, Response>*),
                          const DocumentInput& document, const std::string& id,
                          const Request& header, absl::Time deadline,
                          absl::FunctionRef<bool(Response& response)> on_response);

  // Tells a summary's text as it comes.
  absl::StatusOr<v1::SummarizeResponse> StreamSummary(const v1::SummarizeRequest& request,
                                                      const TextCallback& on_text,
                                                      absl::Time deadline);

  // Reads a document for a request in one message, or says that it must be streamed.
  bool FitsOneMessage(const DocumentInput& document) const {
    const std::optional<std::int64_t> size = document.size_bytes();
    return size.has_value() && *size <= settings_.options.chunk_bytes;
  }
  static absl::StatusOr<v1::Document> WholeDocument(const DocumentInput& document) {
    absl::StatusOr<std::string> content = document.ReadAll();
    if (!content.ok()) return content.status();
    return MakeDocument(document, *std::move(content));
  }

  static v1::Document MakeDocument(const DocumentInput& document, std::string content) {
    v1::Document whole;
    whole.set_id(ToUtf8Tail(document.id(), 200));
    whole.set_content(std::move(content));
    whole.set_format(ToProto(document.format()));
    whole.set_file_name(ToUtf8Tail(document.file_name(), 128));
    return whole;
  }

  const CallSettings settings_;
  const std::shared_ptr<Clock> clock_;
};

template <typename Request, typename Response>
absl::Status GrpcConnection::StreamOnce(
    void (Stub::async::*method)(grpc::ClientContext*, grpc::ClientBidiReactor<Request, Response>*),
    const DocumentInput& document, const std::string& id, const Request& header,
    absl::Time deadline, absl::FunctionRef<bool(Response& response)> on_response) {
  std::atomic<bool> complete = false;
  BidiStream<Request, Response> stream(
      [&](Response& response) {
        if (!complete && on_response(response)) complete = true;
      },
      [](const grpc::Status&) {});
  settings_.Apply(deadline, stream.context());
  stream.Begin([&](grpc::ClientContext* context, auto* reactor) {
    (settings_.stub->async()->*method)(context, reactor);
  });
  const absl::Status status = UploadDocument(
      document, id, header, static_cast<std::size_t>(settings_.options.chunk_bytes),
      [&] { return complete.load(); }, stream);
  if (!status.ok()) {
    stream.Cancel();
    return status;
  }
  stream.HalfClose();
  const grpc::Status end = stream.Wait();
  if (complete) return absl::OkStatus();
  if (!end.ok()) return settings_.ToStatus(end);
  return absl::UnavailableError("the stream ended before the document was answered");
}

absl::StatusOr<ClassifyResult> GrpcConnection::Classify(const DocumentInput& document,
                                                        const ClassifyOptions& options) {
  const absl::Time deadline = Deadline(options.timeout);
  if (FitsOneMessage(document) && !options.events) {  // a stream tells events as they end
    v1::ClassifyRequest request;
    auto whole = WholeDocument(document);
    if (!whole.ok()) return whole.status();
    *request.mutable_document() = *std::move(whole);
    request.set_model(options.model);
    *request.mutable_options() = ToProto(options);
    const auto response = Call(&Stub::Classify, request, deadline);
    if (!response.ok()) return response.status();
    ClassifyResult result = FromProto(response->result());
    result.id = document.id();
    return result;
  }
  v1::ClassifyStreamRequest header;
  FillDocumentHeader(document, "1", *header.mutable_header());
  header.mutable_header()->set_model(options.model);
  *header.mutable_header()->mutable_options() = ToProto(options);
  std::size_t num_told = 0;  // events, in all attempts: each attempt begins anew
  return RetryCall<ClassifyResult>(
      settings_.options.retry, deadline, *clock_, [&]() -> absl::StatusOr<ClassifyResult> {
        absl::StatusOr<ClassifyResult> result = absl::InternalError("no answer");
        std::vector<SoundEvent> events;
        const absl::Status status =
            StreamOnce<v1::ClassifyStreamRequest, v1::ClassifyStreamResponse>(
                &Stub::async::ClassifyStream, document, "1", header, deadline,
                [&](v1::ClassifyStreamResponse& response) {
                  if (response.has_error()) {
                    result = FromProto(response.error());
                    return true;
                  }
                  result = FromProto(response.result());
                  for (SoundEvent& event : result->events) {
                    events.push_back(std::move(event));
                    if (events.size() <= num_told) continue;
                    num_told = events.size();
                    if (options.on_event) options.on_event(events.back());
                  }
                  return !response.more();
                });
        if (!status.ok()) return status;
        if (result.ok()) result->events = std::move(events);
        if (result.ok()) result->id = document.id();
        return result;
      });
}

// Always streamed: the answer may be larger than a message.
absl::StatusOr<EmbedResult> GrpcConnection::Embed(const DocumentInput& document,
                                                  const EmbedOptions& options) {
  const absl::Time deadline = Deadline(options.timeout);
  v1::EmbedStreamRequest header;
  FillDocumentHeader(document, "1", *header.mutable_header());
  header.mutable_header()->set_model(options.model);
  *header.mutable_header()->mutable_options() = ToProto(options);
  return RetryCall<EmbedResult>(
      settings_.options.retry, deadline, *clock_, [&]() -> absl::StatusOr<EmbedResult> {
        EmbedResult result;
        result.id = document.id();
        absl::Status error;
        const absl::Status status = StreamOnce<v1::EmbedStreamRequest, v1::EmbedStreamResponse>(
            &Stub::async::EmbedStream, document, "1", header, deadline,
            [&](v1::EmbedStreamResponse& response) {
              if (response.has_result()) AppendFromProto(response.result(), result);
              if (response.has_error()) error = FromProto(response.error());
              return response.has_error() || !response.more();
            });
        if (!status.ok()) return status;
        if (!error.ok()) return error;
        return result;
      });
}

absl::StatusOr<SummarizeResult> GrpcConnection::Summarize(const DocumentInput& document,
                                                          const SummarizeOptions& options,
                                                          const TextCallback& on_text) {
  const absl::Time deadline = Deadline(options.timeout);
  v1::SummarizeRequest request;
  auto whole = WholeDocument(document);
  if (!whole.ok()) return whole.status();
  *request.mutable_document() = *std::move(whole);
  request.set_model(options.model);
  *request.mutable_options() = ToProto(options);
  absl::StatusOr<v1::SummarizeResponse> response = on_text
                                                       ? StreamSummary(request, on_text, deadline)
                                                       : Call(&Stub::Summarize, request, deadline);
  if (!response.ok()) return response.status();
  SummarizeResult result = FromProto(response->result());
  result.id = document.id();
  return result;
}

absl::StatusOr<v1::SummarizeResponse> GrpcConnection::StreamSummary(
    const v1::SummarizeRequest& request, const TextCallback& on_text, absl::Time deadline) {
  bool told = false;  // what the caller has seen cannot be taken back by another attempt
  absl::Status final_error;
  auto response = RetryCall<v1::SummarizeResponse>(
      settings_.options.retry, deadline, *clock_, [&]() -> absl::StatusOr<v1::SummarizeResponse> {
        grpc::ClientContext context;
        settings_.Apply(deadline, context);
        const auto reader = settings_.stub->StreamSummary(&context, request);
        v1::StreamSummaryResponse part;
        v1::SummarizeResponse answer;
        bool answered = false, stopped = false;
        while (reader->Read(&part)) {
          if (part.has_answer()) {
            answer = std::move(*part.mutable_answer());
            answered = true;
          } else if (!stopped) {
            told = true;
            stopped = !on_text(part.text());
            if (stopped) context.TryCancel();
          }
        }
        const grpc::Status status = reader->Finish();
        if (status.ok() && answered && !stopped) return answer;
        absl::Status error = stopped       ? absl::CancelledError("cancelled by the caller")
                             : status.ok() ? absl::UnavailableError("the summary has no end")
                                           : settings_.ToStatus(status);
        if (!told) return error;
        final_error = std::move(error);
        return v1::SummarizeResponse();  // ends the attempts
      });
  if (!final_error.ok()) return final_error;
  return response;
}

// Each call encodes the document anew.
absl::StatusOr<Ranking> GrpcConnection::Rank(const DocumentInput& document,
                                             const std::vector<DocumentInput>& candidates,
                                             const MatchOptions& options) {
  const absl::Time deadline = Deadline(options.timeout);
  auto whole = WholeDocument(document);
  if (!whole.ok()) return whole.status();
  v1::MatchRequest request;
  request.set_model(options.model);
  *request.mutable_options() = ToProto(options);
  *request.mutable_document() = *std::move(whole);
  return RankInParts(
      document, candidates, options.top_k, RankPartLimits(),
      [&](const DocumentInput& candidate, std::string bytes) {
        *request.add_candidates() = MakeDocument(candidate, std::move(bytes));
      },
      [&]() -> absl::StatusOr<Ranking> {
        const auto response = Call(&Stub::Match, request, deadline);
        request.clear_candidates();
        if (!response.ok()) return response.status();
        return FromProto(*response);
      });
}

absl::StatusOr<TokenizeResult> GrpcConnection::Tokenize(const std::string& text,
                                                        const TokenizeOptions& options) {
  v1::TokenizeRequest request;
  request.set_model(options.model);
  request.set_text(text);
  request.set_include_pieces(true);
  const auto response = Call(&Stub::Tokenize, request, Deadline(options.timeout));
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<DocumentStructure> GrpcConnection::Inspect(const DocumentInput& document,
                                                          const InspectOptions& options) {
  v1::InspectDocumentRequest request;
  auto whole = WholeDocument(document);
  if (!whole.ok()) return whole.status();
  *request.mutable_document() = *std::move(whole);
  request.set_include_text(true);
  request.set_include_tokens(options.include_tokens);
  request.set_model(options.model);
  const auto response = Call(&Stub::InspectDocument, request, Deadline(options.timeout));
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<std::vector<ModelDescription>> GrpcConnection::ListModels() {
  const absl::Time deadline = Deadline(std::nullopt);
  std::vector<ModelDescription> models;
  v1::ListModelsRequest request;
  do {
    const auto response = Call(&Stub::ListModels, request, deadline);
    if (!response.ok()) return response.status();
    for (const v1::Model& model : response->models()) models.push_back(FromProto(model));
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  return models;
}

}  // namespace

std::shared_ptr<Connection> MakeGrpcConnection(std::shared_ptr<grpc::Channel> channel,
                                               const ClientOptions& options,
                                               std::shared_ptr<Clock> clock,
                                               const std::string& endpoint) {
  CallSettings settings;
  settings.stub = v1::StrataService::NewStub(std::move(channel));
  settings.options = options;
  settings.endpoint = endpoint;
  // The service takes messages of 16 MiB at least; smaller than 1 KiB would be all overhead.
  settings.options.chunk_bytes =
      std::clamp(options.chunk_bytes, std::int64_t{1024}, std::int64_t{4} << 20);
  return std::make_shared<GrpcConnection>(std::move(settings), std::move(clock));
}

}  // namespace strata::internal
