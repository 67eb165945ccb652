#include "services/runtime/match_task.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/runtime/error_detail.h"
#include "services/runtime/guarded.h"
#include "services/telemetry/steady_time.h"

namespace strata::runtime {
namespace {

// What is kept of an answer until all are there: the tree and text are not.
struct Answer {
  models::TaskResult result;
  Timings timings;
  std::shared_ptr<Permit> room;
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
        begin_(telemetry::SteadyNow()) {}

  // Answers may come before this returns; the last of them ends the call. The document has to find
  // room as any request has; the candidates came with it and are let in after it.
  void Start() {
    for (size_t i = 0; i < answers_.size(); ++i) {
      if (is_cancelled_) {
        Take(i, Cancelled());
        continue;
      }
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
      const auto num_bytes = static_cast<int64_t>(one.document.size());
      auto permit = i == 0 ? runtime_.Acquire(num_bytes) : runtime_.Reserve(num_bytes);
      one.permit = std::move(permit).value_or(nullptr);  // else Submit says that there is no room
      if (i == 0) permit_ = one.permit;
      std::shared_ptr<Call> call = runtime_.Submit(
          std::move(one), [self = shared_from_this(), i](absl::StatusOr<Response> response) {
            self->Take(i, std::move(response));
          });
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        calls_.push_back(call);
      }
      if (is_cancelled_) call->Cancel();
    }
  }

  void Cancel() override {
    is_cancelled_ = true;
    std::vector<std::shared_ptr<Call>> calls;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      calls = calls_;
    }
    for (const std::shared_ptr<Call>& call : calls) call->Cancel();
  }

 private:
  static absl::Status Cancelled() {
    return WithDetail(absl::CancelledError("cancelled by the caller"), {.reason = "CANCELLED"});
  }

  void Take(size_t i, absl::StatusOr<Response> response) {
    bool is_last = false;
    bool fails = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (response.ok()) {
        answers_[i] = Answer{std::move(response->result), response->timings, response->room};
      } else {
        answers_[i] = response.status();
        // Without the document nothing can be compared. A candidate that the server had no room
        // for would be missing from the ranking, and the caller can ask again.
        fails = failed_.ok() && (i == 0 || absl::IsUnavailable(response.status()) ||
                                 DetailOf(response.status()).retry_delay > absl::ZeroDuration());
        if (fails) failed_ = response.status();
      }
      is_last = --num_missing_ == 0;
    }
    if (fails && !is_last) Cancel();
    if (!is_last) return;
    if (!failed_.ok()) {
      End(failed_);
      return;
    }
    // Comparing takes its time, which the thread of the answers has not. A runtime that drains
    // takes no more work, and still owes the answer.
    auto permit = permit_ != nullptr ? permit_ : runtime_.Acquire(0);
    const auto work = [self = shared_from_this()](absl::Status status) {
      if (!status.ok() && !absl::IsUnavailable(status)) {
        self->End(std::move(status));
        return;
      }
      self->End(Guarded<MatchResponse>("comparing", [&] { return self->Compare(); }));
    };
    runtime_.Post(std::move(permit), request_.deadline, work);
  }

  void End(absl::StatusOr<MatchResponse> response) {
    permit_ = nullptr;
    std::exchange(done_, nullptr)(std::move(response));
  }

  // OK while somebody waits for the answer.
  absl::Status CheckWanted() const {
    if (is_cancelled_) return Cancelled();
    if (runtime_.overdue()) return DrainingError();
    if (telemetry::SteadyNow() < request_.deadline) return absl::OkStatus();
    return WithDetail(
        absl::DeadlineExceededError("the deadline passed while the documents were being compared"),
        {.reason = "DEADLINE_EXCEEDED"});
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
    const models::BlockMatcher blocks(document.result);
    for (MatchCandidate& candidate : response.candidates) {
      if (absl::Status wanted = CheckWanted(); !wanted.ok()) return wanted;
      if (!candidate.status.ok()) continue;
      const models::TaskResult& result = answers_[static_cast<size_t>(candidate.index) + 1]->result;
      candidate.document = Describe(candidate.document.id, result);
      candidate.pairs = blocks.BestPairs(result, static_cast<size_t>(request_.block_pairs));
    }
    response.timings = document.timings;
    response.timings.total = telemetry::SteadyNow() - begin_;
    return response;
  }

  static MatchedDocument Describe(const std::string& id, const models::TaskResult& result) {
    return {id, result.tokens, models::BlocksOf(result)};
  }

  Runtime& runtime_;
  const std::shared_ptr<const ServedModel> model_;
  MatchRequest request_;
  absl::AnyInvocable<void(absl::StatusOr<MatchResponse>)> done_;

  std::shared_ptr<Permit> permit_;  // of the document, then of comparing

  std::mutex mutex_;
  absl::Status failed_;                          // not OK: nothing is compared
  std::vector<absl::StatusOr<Answer>> answers_;  // the document's, then the candidates'
  size_t num_missing_;
  std::vector<std::shared_ptr<Call>> calls_;
  std::atomic<bool> is_cancelled_{false};
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
