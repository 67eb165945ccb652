// A stream of documents with bounded work in flight, over any way of sending one: takes documents
// from the caller's source while there is room, sends, retries, times out, and hands each answer to
// the caller's callback.
//
// Two threads: one takes and sends (both may block), one delivers. An answer may come from any
// thread and is only queued there.
#ifndef STRATA_SDK_CLIENT_MANY_DRIVER_H_
#define STRATA_SDK_CLIENT_MANY_DRIVER_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sdk/client/retry.h"
#include "strata/connection.h"

namespace strata::internal {

class STRATA_API ManyDriver final : public ClassifyStream {
 public:
  using Answer = std::function<void(std::uint64_t ticket, absl::StatusOr<ClassifyResult> result)>;

  // How one document is sent. Answers come through the `answer` that Start gave, for each Send at
  // least once (more, or late ones, are ignored), on any thread, maybe before Send returns.
  class Transport {
   public:
    virtual ~Transport() = default;  // after this no answer comes
    virtual void Start(Answer answer) = 0;
    // One call at a time. May block while the other side takes no more.
    virtual void Send(std::uint64_t ticket, const DocumentInput& document, absl::Time deadline) = 0;
    // The answer of `ticket` is no longer wanted. Must not block nor answer itself; ends a Send of
    // it soon.
    virtual void Abandon(std::uint64_t ticket) = 0;
    // Nothing is wanted any more. Must not block; ends any Send soon.
    virtual void Cancel() = 0;
  };

  // Starts at once. The clock is used for Now only.
  ManyDriver(std::unique_ptr<Transport> transport, DocumentSource source,
             ClassifyCallback on_result, const ClassifyManyOptions& options,
             std::shared_ptr<Clock> clock);
  ~ManyDriver() override;

  absl::Status Wait() override;
  void Cancel() override;

 private:
  struct Item {
    DocumentInput document;
    std::int64_t size_bytes;
    absl::Time deadline;
    Backoff backoff;
    bool waiting = false;  // for ready_at, to be sent again
    absl::Time ready_at;
  };
  struct Next {
    std::uint64_t ticket;
    DocumentInput document;
    absl::Time deadline;
  };

  void SendLoop();
  std::optional<Next> TakeNext();
  void DeliverLoop();
  // The next answer to deliver, after retries and time-outs; nothing when all is done.
  std::optional<std::pair<std::uint64_t, absl::StatusOr<ClassifyResult>>> NextAnswer();
  void WaitUntil(std::unique_lock<std::mutex>& lock, absl::Time time);
  absl::Time EarliestEvent(bool deadlines) const;

  const ClassifyManyOptions options_;
  std::unique_ptr<Transport> transport_;
  const DocumentSource source_;
  const ClassifyCallback on_result_;
  const std::shared_ptr<Clock> clock_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Item> items_;  // taken and not yet delivered
  std::deque<std::pair<std::uint64_t, absl::StatusOr<ClassifyResult>>> answers_;
  std::optional<DocumentInput> taken_;  // from the source, and waits for room
  std::int64_t taken_bytes_ = 0;
  std::uint64_t next_ticket_ = 1;
  std::int64_t bytes_ = 0;  // of items_
  bool source_ended_ = false;
  bool cancelled_ = false;
  bool finished_ = false;

  std::thread send_thread_;
  std::thread deliver_thread_;
};

}  // namespace strata::internal

#endif  // STRATA_SDK_CLIENT_MANY_DRIVER_H_
