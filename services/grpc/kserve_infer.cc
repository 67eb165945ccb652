#include "services/grpc/kserve_infer.h"

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/grpc/kserve_request.h"
#include "services/grpc/kserve_tensor.h"
#include "services/grpc/status_details.h"
#include "services/runtime/error_detail.h"

namespace strata::service {
namespace {

using inference::ModelInferResponse;
using models::Task;

// What is known of one document.
struct DocumentAnswer {
  absl::Status status;
  std::vector<models::LabelScore> labels;
  std::vector<float> embedding;
  int64_t num_tokens = 0;
};

std::string Describe(const absl::Status& status) {
  if (status.ok()) return "";
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", std::string(status.message()));
}

size_t NumLabels(const InferPlan& plan) {
  size_t num_labels = plan.model->engine->info().labels.size();
  for (const models::TaskRequest& task : plan.tasks) {
    if (task.task == Task::kClassify && task.top_k > 0) {
      num_labels = std::min(num_labels, static_cast<size_t>(task.top_k));
    }
  }
  return num_labels;
}

// Bytes that the answer will have at the least, so that nothing is computed in vain.
int64_t LeastBytes(const InferPlan& plan) {
  int64_t by_document = 0;
  for (const OutputTensor& tensor : plan.outputs) {
    if (tensor.output == Output::kEmbedding) {
      by_document += int64_t{plan.model->engine->info().hidden_size} * sizeof(float);
    } else if (tensor.output == Output::kLabel || tensor.output == Output::kProbability) {
      by_document += static_cast<int64_t>(NumLabels(plan)) * sizeof(float);
    }
  }
  return by_document * static_cast<int64_t>(plan.documents.size());
}

absl::Status TooLarge(int64_t num_bytes, int64_t max_bytes) {
  return AnswerTooLarge(num_bytes, max_bytes, "send fewer documents or ask for fewer outputs");
}

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();  // of a document that failed

// An output's column: each is made only if it is asked for.

void AddLabels(const std::string& name, const InferPlan& plan,
               const std::vector<DocumentAnswer>& answers, ModelInferResponse* response) {
  const size_t num_labels = NumLabels(plan);
  std::vector<std::string> labels;
  for (const DocumentAnswer& answer : answers) {
    for (size_t k = 0; k < num_labels; ++k) {
      labels.push_back(k < answer.labels.size() ? answer.labels[k].label : "");
    }
  }
  AddBytesOutput(name, {static_cast<int64_t>(answers.size()), static_cast<int64_t>(num_labels)},
                 labels, plan.raw, response);
}

void AddProbabilities(const std::string& name, const InferPlan& plan,
                      const std::vector<DocumentAnswer>& answers, ModelInferResponse* response) {
  const size_t num_labels = NumLabels(plan);
  std::vector<float> probabilities;
  for (const DocumentAnswer& answer : answers) {
    for (size_t k = 0; k < num_labels; ++k) {
      probabilities.push_back(k < answer.labels.size() ? answer.labels[k].probability : kNone);
    }
  }
  AddFloatOutput(name, {static_cast<int64_t>(answers.size()), static_cast<int64_t>(num_labels)},
                 probabilities, plan.raw, response);
}

absl::Status AddEmbeddings(const std::string& name, const InferPlan& plan,
                           const std::vector<DocumentAnswer>& answers,
                           ModelInferResponse* response) {
  auto width = static_cast<size_t>(plan.model->engine->info().hidden_size);
  for (const DocumentAnswer& answer : answers) {
    if (answer.status.ok() && !answer.embedding.empty()) width = answer.embedding.size();
  }
  std::vector<float> embeddings;
  embeddings.reserve(answers.size() * width);
  for (const DocumentAnswer& answer : answers) {
    if (answer.embedding.size() != width && !answer.embedding.empty()) {
      return absl::InternalError("the engine's vectors differ in length");
    }
    embeddings.insert(embeddings.end(), answer.embedding.begin(), answer.embedding.end());
    if (answer.embedding.empty()) embeddings.resize(embeddings.size() + width, kNone);
  }
  AddFloatOutput(name, {static_cast<int64_t>(answers.size()), static_cast<int64_t>(width)},
                 embeddings, plan.raw, response);
  return absl::OkStatus();
}

// The tensors of the answer. INTERNAL: the engine's vectors are not of one length.
absl::StatusOr<ModelInferResponse> MakeResponse(const InferPlan& plan,
                                                const std::vector<DocumentAnswer>& answers) {
  const auto num_documents = static_cast<int64_t>(answers.size());
  ModelInferResponse response;
  response.set_model_name(plan.model->name);
  response.set_model_version(absl::StrCat(plan.model->version));
  response.set_id(plan.common.id);
  for (const OutputTensor& tensor : plan.outputs) {
    const std::string name(tensor.name);
    switch (tensor.output) {
      case Output::kLabel:
        AddLabels(name, plan, answers, &response);
        break;
      case Output::kProbability:
        AddProbabilities(name, plan, answers, &response);
        break;
      case Output::kEmbedding:
        if (absl::Status status = AddEmbeddings(name, plan, answers, &response); !status.ok()) {
          return status;
        }
        break;
      case Output::kTokenCount: {
        std::vector<int64_t> counts;
        for (const DocumentAnswer& answer : answers) counts.push_back(answer.num_tokens);
        AddInt64Output(name, {num_documents}, counts, plan.raw, &response);
        break;
      }
      case Output::kError: {
        std::vector<std::string> errors;
        for (const DocumentAnswer& answer : answers) errors.push_back(Describe(answer.status));
        AddBytesOutput(name, {num_documents}, errors, plan.raw, &response);
        break;
      }
    }
  }
  return response;
}

// One request on its way. Units of work are document × task; a window of them is with the runtime.
class InferCall final : public runtime::Call, public std::enable_shared_from_this<InferCall> {
 public:
  InferCall(runtime::Runtime& runtime, InferPlan plan, InferDone done)
      : runtime_(runtime),
        plan_(std::move(plan)),
        num_units_(plan_.documents.size() * plan_.tasks.size()),
        window_(static_cast<size_t>(runtime.limits().max_batch_documents)),
        done_(std::move(done)),
        answers_(plan_.documents.size()) {}

  // Submits what fits into the window, and answers once nothing is left. The runtime may answer
  // inside of Submit: then this loop goes on, and does not call itself.
  void Pump() {
    {
      std::lock_guard<std::mutex> lock(mu_);
      if (std::exchange(pumping_, true)) return;
    }
    while (true) {
      size_t unit = 0;
      {
        std::lock_guard<std::mutex> lock(mu_);
        const bool none_left = !failed_.ok() || next_ == num_units_;
        const bool no_room = next_ > 0 && !runtime_.HasRoom();
        if (none_left || num_running_ == window_ || no_room) {
          pumping_ = false;
          if (!none_left && num_running_ == 0) PumpWhenRoom();
          if (!none_left || num_running_ > 0 || std::exchange(ended_, true)) return;
          break;
        }
        unit = next_++;
        ++num_running_;
        calls_[unit] = nullptr;
      }
      Submit(unit);
    }
    if (failed_.ok()) {
      std::exchange(done_, nullptr)(MakeResponse(plan_, answers_));
    } else {
      std::exchange(done_, nullptr)(failed_);
    }
  }

  void Cancel() override {
    Fail(runtime::WithDetail(absl::CancelledError("cancelled by the caller"),
                             {.reason = "CANCELLED"}));
    Pump();
  }

 private:
  // mu_ is held.
  void PumpWhenRoom() {
    runtime_.WhenRoom([self = shared_from_this()] { self->Pump(); });
  }

  // The first unit has to find room as any request has; with it the call is accepted, and the
  // others only wait for theirs.
  void Submit(size_t unit) {
    runtime::Request request = plan_.common;
    request.document = std::string(plan_.documents[unit / plan_.tasks.size()]);
    request.task = plan_.tasks[unit % plan_.tasks.size()];
    if (unit > 0) {
      auto permit = runtime_.Reserve(static_cast<int64_t>(request.document.size()));
      if (!permit.ok()) {
        Answered(unit, permit.status());
        return;
      }
      request.permit = *std::move(permit);
    }
    auto call = runtime_.Submit(
        std::move(request), [self = shared_from_this(), unit](absl::StatusOr<runtime::Response> r) {
          self->Answered(unit, std::move(r));
          self->Pump();
        });
    bool unwanted = false;
    {
      std::lock_guard<std::mutex> lock(mu_);
      unwanted = !failed_.ok();
      if (const auto found = calls_.find(unit); found != calls_.end()) found->second = call;
    }
    if (unwanted) call->Cancel();
  }

  void Answered(size_t unit, absl::StatusOr<runtime::Response> response) {
    const size_t index = unit / plan_.tasks.size();
    absl::Status failure;
    {
      std::lock_guard<std::mutex> lock(mu_);
      --num_running_;
      calls_.erase(unit);
      DocumentAnswer& answer = answers_[index];
      if (response.ok()) {
        if (!answer.status.ok()) return;  // its other task has failed
        answer.num_tokens = response->result.tokens.num_tokens;
        if (plan_.tasks[unit % plan_.tasks.size()].task == Task::kClassify) {
          answer.labels = std::move(response->result.labels);
        } else if (!response->result.embeddings.empty()) {
          answer.embedding = std::move(response->result.embeddings.front().values);
        }
        return;
      }
      answer = {};
      answer.status = response.status();
      if (plan_.error_by_document) return;
      failure = response.status();
    }
    const runtime::ErrorDetail detail = runtime::DetailOf(failure);
    absl::Status named(failure.code(),
                       absl::StrCat("document ", index, ": ", std::string(failure.message())));
    Fail(runtime::WithDetail(std::move(named), detail));
  }

  // Ends the call with the first error; what still runs is cancelled, and waited for.
  void Fail(const absl::Status& status) {
    std::vector<std::shared_ptr<runtime::Call>> calls;
    {
      std::lock_guard<std::mutex> lock(mu_);
      if (!failed_.ok() || ended_) return;
      failed_ = status;
      for (const auto& [unit, call] : calls_) {
        if (call != nullptr) calls.push_back(call);
      }
    }
    for (const auto& call : calls) call->Cancel();
  }

  runtime::Runtime& runtime_;
  const InferPlan plan_;
  const size_t num_units_, window_;
  InferDone done_;

  std::mutex mu_;
  std::vector<DocumentAnswer> answers_;
  std::map<size_t, std::shared_ptr<runtime::Call>> calls_;  // with the runtime
  size_t next_ = 0;
  size_t num_running_ = 0;
  bool pumping_ = false;
  bool ended_ = false;
  absl::Status failed_;
};

}  // namespace

std::shared_ptr<runtime::Call> Infer(runtime::Runtime& runtime,
                                     const inference::ModelInferRequest& request,
                                     const InferCaller& caller, InferDone done) {
  const int64_t max_response_bytes = caller.max_response_bytes;
  absl::StatusOr<InferPlan> plan = MakeInferPlan(runtime, request, caller);
  absl::Status status = plan.status();
  if (status.ok() && LeastBytes(*plan) > max_response_bytes) {
    status = TooLarge(LeastBytes(*plan), max_response_bytes);
  }
  if (!status.ok()) {
    done(status);
    return std::make_shared<runtime::AnsweredCall>();
  }
  auto checked = [max_response_bytes,
                  done = std::move(done)](absl::StatusOr<ModelInferResponse> response) mutable {
    const int64_t size = response.ok() ? static_cast<int64_t>(response->ByteSizeLong()) : 0;
    done(size > max_response_bytes ? TooLarge(size, max_response_bytes) : std::move(response));
  };
  auto call = std::make_shared<InferCall>(runtime, *std::move(plan), std::move(checked));
  call->Pump();
  return call;
}

}  // namespace strata::service
