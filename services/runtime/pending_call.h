// One request between its admission and its answer. Only scheduler.cc changes where it stands.
#ifndef STRATA_SERVICES_RUNTIME_PENDING_CALL_H_
#define STRATA_SERVICES_RUNTIME_PENDING_CALL_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "models/engine/engine.h"
#include "services/runtime/admission.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

class CacheLease;
class Scheduler;

// queued → preparing → prepared → running → done; done may come from any of them. A sound goes
// round once for each pass: running → queued; where more of it has to arrive, preparing → waiting →
// queued.
enum class CallStage : uint8_t { kQueued, kPreparing, kWaiting, kPrepared, kRunning, kDone };

// What a call carries. It moves out as a whole, so that its memory and its permit go together.
struct CallPayload {
  Request request;
  std::shared_ptr<const ServedModel> model;
  std::optional<models::PreparedDocument> prepared;
  std::unique_ptr<models::SoundSession> sound;  // of a model for sounds, once it was opened
  std::shared_ptr<Permit> permit;
  std::shared_ptr<Permit> answer_room;  // once it is prepared; null: its answer has no vectors
  std::string cache_key;                // once it was looked up; empty: it is not
  std::shared_ptr<CacheLease> lease;    // others may wait for its answer
};

struct PendingCall : public Call, public std::enable_shared_from_this<PendingCall> {
  void Cancel() override;

  // Set by the scheduler, under its mutex.
  std::shared_ptr<Scheduler> scheduler;
  int64_t sequence = 0;  // order of arrival
  CallStage stage = CallStage::kQueued;
  bool in_timer = false;
  std::list<std::shared_ptr<PendingCall>>::iterator place;  // while queued or prepared
  std::multimap<absl::Time, PendingCall*>::iterator timer;  // while in_timer
  int64_t num_tokens = 0;                                   // of the prepared document
  int num_skips = 0;  // times that a batch was filled from behind it

  // Answered already; read without the mutex by the worker of its pass between layers.
  std::atomic<bool> dead{false};

  std::string text_told;  // of the worker of its pass: what the caller has seen of a summary

  // Owned by the thread that prepares or runs it; by the scheduler in between.
  CallPayload payload;
  Done done;
  absl::AnyInvocable<void(absl::Status)> work;  // set: a call of Runtime::Post, `done` is not
  absl::Time submitted, prepare_begin, compute_begin;
  absl::Duration before_prepare;              // waited until it was first prepared
  absl::Duration prepare_time, compute_time;  // of all passes
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_PENDING_CALL_H_
