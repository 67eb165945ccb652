// Where every call stands, under one mutex: arrival, preparation, batch, answer; deadlines,
// cancellation and drain. It owns no thread and does no work itself: the workers of runtime.cc ask
// it for the next thing to do. A worker does whatever is at hand: who prepared a document computes
// it too if no pass runs, and who ran a pass tells its callers, so that an idle service wakes one
// thread a request.
//
// The one rule: a call is answered exactly once, by whoever comes first (result, cancel, deadline,
// drain). If it waits at that moment, its payload goes at once; if a worker has it in hand, the
// answer goes out and the worker drops the payload when it notices.
#ifndef STRATA_SERVICES_RUNTIME_SCHEDULER_H_
#define STRATA_SERVICES_RUNTIME_SCHEDULER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/runtime/batcher.h"
#include "services/runtime/pending_call.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

// Thread-safe. Held by shared_ptr: a Call that its owner keeps may outlive the runtime.
class Scheduler : public std::enable_shared_from_this<Scheduler> {
 public:
  // At most `max_preparing` documents are prepared at once. Preparation pauses while
  // `max_prepared_tokens` wait for a pass: tokens need some ten times the memory of the text that
  // they come from.
  Scheduler(const BatchLimits& batch_limits, int64_t max_prepared_tokens, int max_preparing)
      : max_prepared_tokens_(max_prepared_tokens),
        max_preparing_(max_preparing),
        batcher_(batch_limits) {}

  // Queues a call. UNAVAILABLE (draining) or DEADLINE_EXCEEDED: it is not queued, nor answered.
  absl::Status Add(const std::shared_ptr<PendingCall>& call, absl::Time deadline);

  // Answers a call if nobody has; its callback runs in RunCompletions. A worker that has the call
  // in hand drops the payload first, so that its permit is free when the callback runs.
  void Answer(PendingCall& call, absl::StatusOr<Response> answer);
  // The same with the callback run before it returns: for a worker.
  void AnswerHere(PendingCall& call, absl::StatusOr<Response> answer);

  // What a worker does next: one of the two is set. It ends a pass with EndPass as soon as another
  // may begin, and a preparation with EndPrepare.
  struct Work {
    std::vector<std::shared_ptr<PendingCall>> pass;
    // To be prepared, or of Post: then its work is to be run, and EndWork told.
    std::shared_ptr<PendingCall> to_prepare;
  };
  // Blocks; neither is set after Stop. There is one pass at a time.
  Work NextWork();
  void EndPass();
  void EndPrepare();
  void EndWork();

  // Puts a call that is being prepared, parked, or whose pass has ended back into its place in the
  // queue.
  // False: it was answered meanwhile, and its payload is the caller's to drop.
  bool PrepareAgain(const std::shared_ptr<PendingCall>& call);
  // Leaves a call that is being prepared until PrepareAgain. False as there.
  bool Park(const std::shared_ptr<PendingCall>& call);

  // The call has its prepared document and num_tokens; queues it for a pass.
  void AddPrepared(const std::shared_ptr<PendingCall>& call);

  QueueState queue_state();

  // Has `function` run by RunCompletions.
  void Post(absl::AnyInvocable<void()> function);

  // Thread bodies, until Stop: callbacks, and deadlines on time however busy the workers are.
  void RunCompletions();
  void RunTimer();

  // As Runtime::Drain.
  void Drain(absl::Time deadline);
  // The deadline of a drain has passed: whoever is at work without a call of its own ends it.
  bool overdue() const { return overdue_; }
  // After Drain: ends all loops.
  void Stop();

 private:
  absl::AnyInvocable<void()> TakeAnswer(PendingCall& call, absl::StatusOr<Response> answer);

  // What follows is called with mu_ held.
  void Detach(PendingCall& call, CallPayload& payload);
  bool PassReady() const { return !computing_ && !batcher_.empty(); }
  bool DocumentReady() const {
    return !documents_.empty() && batcher_.num_tokens() < max_prepared_tokens_;
  }
  bool PrepareReady() const {
    return num_preparing_ < max_preparing_ && (!works_.empty() || DocumentReady());
  }
  // Every change that makes work ready wakes one worker, and who takes work wakes the next while
  // more is ready: so none is left lying, and none is woken for nothing.
  void WakeWorker() {
    if (PassReady() || PrepareReady()) work_ready_.notify_one();
  }

  const int64_t max_prepared_tokens_;
  const int max_preparing_;

  std::mutex mu_;
  std::condition_variable work_ready_, completion_ready_, timer_changed_, idle_;
  std::list<std::shared_ptr<PendingCall>> documents_;  // queued, to be prepared
  std::list<std::shared_ptr<PendingCall>> works_;      // queued, of Post
  Batcher batcher_;
  std::multimap<absl::Time, PendingCall*> timers_;
  std::unordered_set<std::shared_ptr<PendingCall>> live_;  // not answered
  std::deque<absl::AnyInvocable<void()>> completions_;
  int64_t next_sequence_ = 0;
  int64_t num_outstanding_ = 0;  // added, and the callback has not returned
  int num_preparing_ = 0;
  bool computing_ = false;  // a pass runs
  bool draining_ = false;
  std::atomic<bool> overdue_{false};
  bool stopped_ = false;
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_SCHEDULER_H_
