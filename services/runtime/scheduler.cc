#include "services/runtime/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/runtime/error_detail.h"
#include "services/telemetry/steady_time.h"

namespace strata::runtime {
namespace {

// Waits until `ready`, or `deadline` has passed; says whether it is ready.
template <typename Ready>
bool WaitUntil(std::condition_variable& condition, std::unique_lock<std::mutex>& lock,
               absl::Time deadline, Ready ready) {
  while (!ready()) {
    const absl::Duration left = deadline - telemetry::SteadyNow();
    if (left <= absl::ZeroDuration()) return false;
    // An hour at a time keeps the sum in range.
    condition.wait_for(lock, absl::ToChronoNanoseconds(std::min(left, absl::Hours(1))));
  }
  return true;
}

const char* StageName(CallStage stage) {
  switch (stage) {
    case CallStage::kQueued:
      return "queue";
    case CallStage::kPreparing:
      return "prepare";
    case CallStage::kWaiting:
      return "upload";
    case CallStage::kPrepared:
      return "batch";
    case CallStage::kRunning:
      return "compute";
    case CallStage::kDone:
      break;
  }
  return "";
}

absl::Status DeadlineExceeded(CallStage stage) {
  const char* where = stage == CallStage::kQueued      ? "waiting to be read"
                      : stage == CallStage::kPreparing ? "being read"
                      : stage == CallStage::kWaiting   ? "waiting for more of its document"
                      : stage == CallStage::kPrepared  ? "waiting for a pass"
                                                       : "being computed";
  return WithDetail(absl::DeadlineExceededError(
                        absl::StrCat("the deadline passed while the request was ", where)),
                    {.reason = "DEADLINE_EXCEEDED"});
}

}  // namespace

void PendingCall::Cancel() {
  if (dead.load(std::memory_order_acquire)) return;
  scheduler->Answer(
      *this, WithDetail(absl::CancelledError("cancelled by the caller"), {.reason = "CANCELLED"}));
}

absl::Status Scheduler::Add(const std::shared_ptr<PendingCall>& call, absl::Time deadline) {
  std::lock_guard<std::mutex> lock(mu_);
  if (draining_) return DrainingError();
  call->submitted = telemetry::SteadyNow();
  if (deadline <= call->submitted) {
    return WithDetail(absl::DeadlineExceededError("the deadline had passed on arrival"),
                      {.reason = "DEADLINE_EXCEEDED"});
  }
  call->scheduler = shared_from_this();
  call->sequence = next_sequence_++;
  call->stage = CallStage::kQueued;
  auto& queue = call->work ? works_ : documents_;
  call->place = queue.insert(queue.end(), call);
  live_.insert(call);
  ++num_outstanding_;
  if (deadline < absl::InfiniteFuture()) {
    call->timer = timers_.emplace(deadline, call.get());
    call->in_timer = true;
    if (call->timer == timers_.begin()) timer_changed_.notify_one();
  }
  WakeWorker();
  return absl::OkStatus();
}

// Takes a call off all lists, for good. Its payload goes to `payload` unless a worker has it.
void Scheduler::Detach(PendingCall& call, CallPayload& payload) {
  if (call.in_timer) timers_.erase(call.timer);
  call.in_timer = false;
  const CallStage stage = std::exchange(call.stage, CallStage::kDone);
  if (stage == CallStage::kQueued) {
    (call.work ? works_ : documents_).erase(call.place);
    payload = std::move(call.payload);
  } else if (stage == CallStage::kWaiting) {
    payload = std::move(call.payload);
  } else if (stage == CallStage::kPrepared) {
    batcher_.Remove(call);
    payload = std::move(call.payload);
    WakeWorker();
  }
  call.dead.store(true, std::memory_order_release);
}

void Scheduler::Answer(PendingCall& call, absl::StatusOr<Response> answer) {
  if (auto tell = TakeAnswer(call, std::move(answer))) Post(std::move(tell));
}

void Scheduler::AnswerHere(PendingCall& call, absl::StatusOr<Response> answer) {
  if (auto tell = TakeAnswer(call, std::move(answer))) tell();
}

// Ends the call if nobody has; what is returned then tells its owner.
absl::AnyInvocable<void()> Scheduler::TakeAnswer(PendingCall& call,
                                                 absl::StatusOr<Response> answer) {
  std::shared_ptr<PendingCall> keep;
  {
    CallPayload payload;
    std::lock_guard<std::mutex> lock(mu_);
    if (call.stage == CallStage::kDone) return nullptr;
    keep = call.shared_from_this();
    if (!answer.ok()) {
      answer = WithDetail(answer.status(), {.stage = StageName(call.stage)});
    }
    Detach(call, payload);
    live_.erase(keep);
  }  // the payload, and with it the permit, goes before the callback can run
  return [this, keep = std::move(keep), answer = std::move(answer)]() mutable {
    if (keep->work) {
      std::exchange(keep->work, nullptr)(answer.status());
    } else {
      std::exchange(keep->done, nullptr)(std::move(answer));
    }
    EndWork();
  };
}

Scheduler::Work Scheduler::NextWork() {
  std::unique_lock<std::mutex> lock(mu_);
  work_ready_.wait(lock, [this] { return stopped_ || PassReady() || PrepareReady(); });
  if (stopped_) return {};
  Work next;
  if (PassReady()) {
    computing_ = true;
    next.pass = batcher_.Take();
    for (const std::shared_ptr<PendingCall>& call : next.pass) call->stage = CallStage::kRunning;
  } else {
    ++num_preparing_;
    const bool take_work =
        !works_.empty() &&
        (!DocumentReady() || works_.front()->sequence < documents_.front()->sequence);
    auto& queue = take_work ? works_ : documents_;
    next.to_prepare = std::move(queue.front());
    queue.pop_front();
    next.to_prepare->stage = CallStage::kPreparing;
    if (take_work) {  // from here on it is as good as answered
      CallPayload payload;
      Detach(*next.to_prepare, payload);
      live_.erase(next.to_prepare);
    }
  }
  WakeWorker();
  return next;
}

void Scheduler::EndPass() {
  std::lock_guard<std::mutex> lock(mu_);
  computing_ = false;
  WakeWorker();
}

void Scheduler::EndPrepare() {
  std::lock_guard<std::mutex> lock(mu_);
  --num_preparing_;  // the worker itself asks for work next
}

void Scheduler::EndWork() {
  std::lock_guard<std::mutex> lock(mu_);
  if (--num_outstanding_ == 0) idle_.notify_all();
}

bool Scheduler::PrepareAgain(const std::shared_ptr<PendingCall>& call) {
  std::lock_guard<std::mutex> lock(mu_);
  if (call->stage != CallStage::kPreparing && call->stage != CallStage::kWaiting &&
      call->stage != CallStage::kRunning) {
    return false;
  }
  call->stage = CallStage::kQueued;
  auto place = documents_.begin();
  while (place != documents_.end() && (*place)->sequence < call->sequence) ++place;
  call->place = documents_.insert(place, call);
  WakeWorker();
  return true;
}

bool Scheduler::Park(const std::shared_ptr<PendingCall>& call) {
  std::lock_guard<std::mutex> lock(mu_);
  if (call->stage != CallStage::kPreparing) return false;
  call->stage = CallStage::kWaiting;
  return true;
}

void Scheduler::AddPrepared(const std::shared_ptr<PendingCall>& call) {
  std::unique_lock<std::mutex> lock(mu_);
  if (call->stage == CallStage::kDone) {
    lock.unlock();
    call->payload = {};
    return;
  }
  call->stage = CallStage::kPrepared;
  batcher_.Add(call);  // the worker itself asks for work next
}

QueueState Scheduler::queue_state() {
  std::lock_guard<std::mutex> lock(mu_);
  QueueState state;
  state.num_outstanding = num_outstanding_;
  state.num_queued = static_cast<int64_t>(documents_.size() + works_.size());
  state.prepared_tokens = batcher_.num_tokens();
  // Calls of a list stand in order of arrival, so its head is its oldest.
  absl::Time oldest = absl::InfiniteFuture();
  if (!documents_.empty()) oldest = std::min(oldest, documents_.front()->submitted);
  if (!works_.empty()) oldest = std::min(oldest, works_.front()->submitted);
  oldest = std::min(oldest, batcher_.oldest());
  if (oldest < absl::InfiniteFuture()) state.oldest_age = telemetry::SteadyNow() - oldest;
  return state;
}

void Scheduler::Post(absl::AnyInvocable<void()> function) {
  std::lock_guard<std::mutex> lock(mu_);
  completions_.push_back(std::move(function));
  completion_ready_.notify_one();
}

void Scheduler::RunCompletions() {
  std::unique_lock<std::mutex> lock(mu_);
  while (true) {
    completion_ready_.wait(lock, [this] { return stopped_ || !completions_.empty(); });
    if (completions_.empty()) return;
    absl::AnyInvocable<void()> function = std::move(completions_.front());
    completions_.pop_front();
    lock.unlock();
    function();
    function = nullptr;  // what it holds may want the mutex on its way out
    lock.lock();
  }
}

void Scheduler::RunTimer() {
  std::unique_lock<std::mutex> lock(mu_);
  while (!stopped_) {
    const absl::Time next = timers_.empty() ? absl::InfiniteFuture() : timers_.begin()->first;
    WaitUntil(timer_changed_, lock, next, [this, next] {
      return stopped_ || (!timers_.empty() && timers_.begin()->first < next);
    });
    std::vector<std::pair<std::shared_ptr<PendingCall>, CallStage>> expired;
    const absl::Time now = telemetry::SteadyNow();
    for (auto it = timers_.begin(); it != timers_.end() && it->first <= now; ++it) {
      expired.emplace_back(it->second->shared_from_this(), it->second->stage);
    }
    lock.unlock();
    for (auto& [call, stage] : expired) Answer(*call, DeadlineExceeded(stage));
    expired.clear();
    lock.lock();
  }
}

void Scheduler::Drain(absl::Time deadline) {
  std::vector<std::shared_ptr<PendingCall>> left;
  {
    std::unique_lock<std::mutex> lock(mu_);
    draining_ = true;
    const auto idle = [this] { return num_outstanding_ == 0; };
    if (WaitUntil(idle_, lock, deadline, idle)) return;
    overdue_ = true;
    left.assign(live_.begin(), live_.end());
  }
  for (const std::shared_ptr<PendingCall>& call : left) Answer(*call, DrainingError());
  std::unique_lock<std::mutex> lock(mu_);
  idle_.wait(lock, [this] { return num_outstanding_ == 0; });
}

void Scheduler::Stop() {
  std::lock_guard<std::mutex> lock(mu_);
  stopped_ = true;
  work_ready_.notify_all();
  completion_ready_.notify_all();
  timer_changed_.notify_all();
}

}  // namespace strata::runtime
