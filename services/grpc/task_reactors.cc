#include "services/grpc/task_reactors.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/grpc/convert.h"
#include "services/grpc/unary_reactor.h"
#include "services/runtime/error_detail.h"
#include "services/runtime/text_tasks.h"

namespace strata::service {
namespace {

constexpr int32_t kDefaultPageSize = 100;
constexpr int32_t kMaxPageSize = 1000;

// An answer that was too large before it was there says what to do, too.
absl::Status WithAdvice(const absl::Status& status, const char* advice) {
  const runtime::ErrorDetail detail = runtime::DetailOf(status);
  if (detail.reason != "RESPONSE_TOO_LARGE") return status;
  return runtime::WithDetail(
      absl::Status(status.code(), absl::StrCat(std::string(status.message()), "; ", advice)),
      detail);
}

// What the runtime gets to answer with: `fill` makes the message of an Answer.
template <typename Answer, typename Response, typename Fill>
auto AnswerWith(const TaskContext& task, UnaryReactor* reactor, Response* response,
                const char* advice, Fill fill) {
  return [reactor, response, advice, fill,
          max_bytes = task.max_message_bytes](const absl::StatusOr<Answer>& answer) {
    if (!answer.ok()) {
      reactor->End(WithAdvice(answer.status(), advice));
      return;
    }
    fill(*answer, response);
    reactor->EndWith(response, max_bytes, advice);
  };
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* RunTask(const TaskContext& task, grpc::CallbackServerContext* context,
                                  const Request* request, Response* response, const char* advice) {
  auto* reactor = new UnaryReactor(task.active, context);
  absl::StatusOr<runtime::Request> converted = FromProto(*request);
  if (!converted.ok()) {
    reactor->End(converted.status());
    return reactor;
  }
  converted->deadline = DeadlineOf(*context);
  converted->traceparent = TraceparentOf(*context);
  converted->max_answer_bytes = task.max_message_bytes;
  reactor->SetCall(task.runtime->Submit(
      *std::move(converted),
      AnswerWith<runtime::Response>(task, reactor, response, advice,
                                    [](const runtime::Response& answer, Response* message) {
                                      message->set_id(answer.id);
                                      ToProto(answer, message->mutable_result());
                                    })));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* Classify(const TaskContext& task, grpc::CallbackServerContext* context,
                                   const v1::ClassifyRequest* request,
                                   v1::ClassifyResponse* response) {
  return RunTask(task, context, request, response, "ask without explain");
}

grpc::ServerUnaryReactor* Embed(const TaskContext& task, grpc::CallbackServerContext* context,
                                const v1::EmbedRequest* request, v1::EmbedResponse* response) {
  return RunTask(task, context, request, response, "use EmbedStream, which splits it");
}

grpc::ServerUnaryReactor* Summarize(const TaskContext& task, grpc::CallbackServerContext* context,
                                    const v1::SummarizeRequest* request,
                                    v1::SummarizeResponse* response) {
  return RunTask(task, context, request, response, kShorterSummary);
}

grpc::ServerUnaryReactor* Match(const TaskContext& task, grpc::CallbackServerContext* context,
                                const v1::MatchRequest* request, v1::MatchResponse* response) {
  auto* reactor = new UnaryReactor(task.active, context);
  absl::StatusOr<runtime::MatchRequest> converted = FromProto(*request);
  if (!converted.ok()) {
    reactor->End(converted.status());
    return reactor;
  }
  converted->deadline = DeadlineOf(*context);
  converted->traceparent = TraceparentOf(*context);
  reactor->SetCall(
      runtime::Match(*task.runtime, *std::move(converted),
                     AnswerWith<runtime::MatchResponse>(
                         task, reactor, response, "send fewer candidates, or ask for fewer",
                         [](const runtime::MatchResponse& answer, v1::MatchResponse* message) {
                           ToProto(answer, message);
                         })));
  return reactor;
}

grpc::ServerUnaryReactor* Tokenize(const TaskContext& task, grpc::CallbackServerContext* context,
                                   const v1::TokenizeRequest* request,
                                   v1::TokenizeResponse* response) {
  auto* reactor = new UnaryReactor(task.active, context);
  runtime::TokenizeRequest converted = FromProto(*request);
  converted.deadline = DeadlineOf(*context);
  reactor->SetCall(
      runtime::Tokenize(*task.runtime, std::move(converted),
                        AnswerWith<runtime::TokenizeResponse>(
                            task, reactor, response, "send the text in parts",
                            [](const runtime::TokenizeResponse& answer,
                               v1::TokenizeResponse* message) { ToProto(answer, message); })));
  return reactor;
}

grpc::ServerUnaryReactor* InspectDocument(const TaskContext& task,
                                          grpc::CallbackServerContext* context,
                                          const v1::InspectDocumentRequest* request,
                                          v1::InspectDocumentResponse* response) {
  auto* reactor = new UnaryReactor(task.active, context);
  absl::StatusOr<runtime::InspectRequest> converted = FromProto(*request);
  if (!converted.ok()) {
    reactor->End(converted.status());
    return reactor;
  }
  converted->deadline = DeadlineOf(*context);
  response->set_id(request->document().id());
  reactor->SetCall(runtime::Inspect(
      *task.runtime, *std::move(converted),
      AnswerWith<runtime::InspectResponse>(
          task, reactor, response, "ask without include_text, or send a smaller one",
          [include_text = request->include_text()](const runtime::InspectResponse& answer,
                                                   v1::InspectDocumentResponse* message) {
            ToProto(answer, include_text, message);
          })));
  return reactor;
}

grpc::ServerUnaryReactor* ListModels(const TaskContext& task, grpc::CallbackServerContext* context,
                                     const v1::ListModelsRequest* request,
                                     v1::ListModelsResponse* response) {
  auto* reactor = new UnaryReactor(task.active, context);
  std::vector<std::shared_ptr<const runtime::ServedModel>> models;
  for (const std::string& name : task.runtime->model_names()) {
    if (auto model = task.runtime->models().Find(name); model.ok()) models.push_back(*model);
  }
  const auto num_models = static_cast<int32_t>(models.size());
  int32_t begin = 0;  // the page token is the index of the page's first model
  if (request->page_size() < 0) {
    reactor->End(runtime::WithDetail(absl::InvalidArgumentError("page_size is negative"),
                                     {.reason = "INVALID_FIELD", .field = "page_size"}));
    return reactor;
  }
  if (!request->page_token().empty() &&
      (!absl::SimpleAtoi(request->page_token(), &begin) || begin < 0 || begin > num_models)) {
    reactor->End(runtime::WithDetail(
        absl::InvalidArgumentError("page_token is not one that ListModels gave"),
        {.reason = "INVALID_FIELD", .field = "page_token"}));
    return reactor;
  }
  const int32_t page_size =
      request->page_size() == 0 ? kDefaultPageSize : std::min(request->page_size(), kMaxPageSize);
  const int32_t end = std::min(num_models, begin + page_size);
  for (int32_t i = begin; i < end; ++i) {
    const runtime::ServedModel& model = *models[static_cast<size_t>(i)];
    ToProto(model.name, model.engine->info(), response->add_models());
  }
  if (end < num_models) response->set_next_page_token(absl::StrCat(end));
  reactor->End(absl::OkStatus());
  return reactor;
}

grpc::ServerUnaryReactor* GetModel(const TaskContext& task, grpc::CallbackServerContext* context,
                                   const v1::GetModelRequest* request,
                                   v1::GetModelResponse* response) {
  auto* reactor = new UnaryReactor(task.active, context);
  const auto model = task.runtime->models().Find(request->name());
  if (!model.ok()) {
    reactor->End(runtime::WithDetail(model.status(), {.field = "name"}));
    return reactor;
  }
  ToProto((*model)->name, (*model)->engine->info(), response->mutable_model());
  reactor->End(absl::OkStatus());
  return reactor;
}

}  // namespace strata::service
