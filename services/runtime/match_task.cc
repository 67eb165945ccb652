#include "services/runtime/match_task.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/runtime/error_detail.h"
#include "services/runtime/guarded.h"

namespace strata::runtime {
namespace {

// What is kept of an answer until all are there: the tree and text are not.
struct Answer {
  models::TaskResult result;
  Timings timings;
};

// A match under way: the calls of its documents and their answers.
class MatchCall : public Call, public std::enable_shared_from_this<MatchCall> {
 public:
  MatchCall(Runtime& runtime, std::shared_ptr<const ServedModel> model, MatchRequest request,
            absl::AnyInvocable<void(absl::StatusOr<MatchResponse>)> done)
      : runtime_(runtime),
        model_(std::move(model)),
        request_(std::move(request)),
        done_(std::move(done)),
        answers_(request_.candidates.size() + 1, absl::UnknownError("not answered")),
        num_missing_(answers_.size()),
        begin_(absl::Now()) {}

  // Answers may come before this returns; the last of them ends the call.
  void Start() {
    for (size_t i = 0; i < answers_.size(); ++i) {
      MatchDocument& document = i == 0 ? request_.document : request_.candidates[i - 1];
      Request one;
      one.id = document.id;
      one.model = request_.model;
      one.served = model_;  // whatever is loaded meanwhile
      one.document = std::move(document.document);
      one.format = document.format;
      one.file_name = document.file_name;
      one.task.task = models::Task::kMatch;
      one.prepare = request_.prepare;
      one.traceparent = request_.traceparent;
      one.deadline = request_.deadline;
      std::shared_ptr<Call> call = runtime_.Submit(
          std::move(one), [self = shared_from_this(), i](absl::StatusOr<Response> response) {
            self->Take(i, std::move(response));
          });
      bool is_unwanted = false;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        calls_.push_back(call);
        is_unwanted = is_cancelled_;
      }
      if (is_unwanted) call->Cancel();
    }
  }

  void Cancel() override {
    std::vector<std::shared_ptr<Call>> calls;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_cancelled_ = true;
      calls = calls_;
    }
    for (const std::shared_ptr<Call>& call : calls) call->Cancel();
  }

 private:
  void Take(size_t i, absl::StatusOr<Response> response) {
    bool is_last = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (response.ok()) {
        answers_[i] = Answer{std::move(response->result), response->timings};
      } else {
        answers_[i] = response.status();
      }
      is_last = --num_missing_ == 0;
    }
    // Without the document nothing can be compared.
    if (i == 0 && !response.ok() && !is_last) Cancel();
    if (!is_last) return;
    if (!answers_[0].ok()) {
      std::exchange(done_, nullptr)(answers_[0].status());
      return;
    }
    // Comparing takes its time, which the thread of the answers has not. A runtime that drains
    // takes no more work, and still owes the answer.
    runtime_.Post(0, request_.deadline, [self = shared_from_this()](const absl::Status& status) {
      if (!status.ok() && !absl::IsUnavailable(status)) {
        std::exchange(self->done_, nullptr)(status);
        return;
      }
      std::exchange(self->done_,
                    nullptr)(Guarded<MatchResponse>("comparing", [&] { return self->Compare(); }));
    });
  }

  absl::StatusOr<MatchResponse> Compare() const {
    const Answer& document = *answers_[0];
    MatchResponse response;
    response.model = model_->name;
    response.model_version = model_->version;
    response.document = Describe(request_.document.id, document.result);
    for (size_t i = 1; i < answers_.size(); ++i) {
      MatchCandidate& candidate = response.candidates.emplace_back();
      candidate.index = static_cast<int32_t>(i) - 1;
      candidate.document.id = request_.candidates[i - 1].id;
      candidate.status = answers_[i].status();
      if (!candidate.status.ok()) continue;
      candidate.match =
          models::ScoreMatch(model_->engine->info(), document.result, answers_[i]->result);
    }
    std::stable_sort(response.candidates.begin(), response.candidates.end(),
                     [](const MatchCandidate& a, const MatchCandidate& b) {
                       if (a.status.ok() != b.status.ok()) return a.status.ok();
                       return a.status.ok() && a.match.score > b.match.score;
                     });
    if (request_.top_k > 0 && response.candidates.size() > static_cast<size_t>(request_.top_k)) {
      response.candidates.resize(static_cast<size_t>(request_.top_k));
    }
    for (MatchCandidate& candidate : response.candidates) {
      if (!candidate.status.ok()) continue;
      const models::TaskResult& result = answers_[static_cast<size_t>(candidate.index) + 1]->result;
      candidate.document = Describe(candidate.document.id, result);
      candidate.pairs = models::BestBlockPairs(document.result, result,
                                               static_cast<size_t>(request_.block_pairs));
    }
    response.timings = document.timings;
    response.timings.total = absl::Now() - begin_;
    return response;
  }

  static MatchedDocument Describe(const std::string& id, const models::TaskResult& result) {
    return {id, result.tokens, models::BlocksOf(result)};
  }

  Runtime& runtime_;
  const std::shared_ptr<const ServedModel> model_;
  MatchRequest request_;
  absl::AnyInvocable<void(absl::StatusOr<MatchResponse>)> done_;

  std::mutex mutex_;
  std::vector<absl::StatusOr<Answer>> answers_;  // the document's, then the candidates'
  size_t num_missing_;
  std::vector<std::shared_ptr<Call>> calls_;
  bool is_cancelled_ = false;
  const absl::Time begin_;
};

absl::Status CheckOptions(const MatchRequest& request) {
  const auto refuse = [](const std::string& what, const char* field) {
    return WithDetail(absl::InvalidArgumentError(what),
                      {.reason = "INVALID_OPTIONS", .field = field});
  };
  if (request.candidates.empty()) {
    return refuse("there is no candidate to match the document with", "candidates");
  }
  if (request.candidates.size() > kMaxMatchCandidates) {
    return refuse(absl::StrCat("there are ", request.candidates.size(),
                               " candidates; one request takes ", kMaxMatchCandidates),
                  "candidates");
  }
  if (request.top_k < 0) {
    return refuse(absl::StrCat("top_k is ", request.top_k, "; give 0 (all) or more"),
                  "options.top_k");
  }
  if (request.block_pairs < 0) {
    return refuse(absl::StrCat("block_pairs is ", request.block_pairs, "; give 0 or more"),
                  "options.block_pairs");
  }
  return absl::OkStatus();
}

}  // namespace

std::shared_ptr<Call> Match(Runtime& runtime, MatchRequest request,
                            absl::AnyInvocable<void(absl::StatusOr<MatchResponse>)> done) {
  if (const absl::Status status = CheckOptions(request); !status.ok()) {
    done(status);
    return std::make_shared<AnsweredCall>();
  }
  auto model = runtime.models().Find(request.model);
  if (!model.ok()) {
    done(model.status());
    return std::make_shared<AnsweredCall>();
  }
  auto call =
      std::make_shared<MatchCall>(runtime, *std::move(model), std::move(request), std::move(done));
  call->Start();
  return call;
}

}  // namespace strata::runtime
