// Limits as permits: what is accepted and not yet answered holds one, and over the limit there is
// none to be had.
#ifndef STRATA_SERVICES_RUNTIME_ADMISSION_H_
#define STRATA_SERVICES_RUNTIME_ADMISSION_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace strata::runtime {

class Admission;

// One request and its bytes, given back when the permit goes. A document that arrives in pieces
// takes a permit first and grows it. Thread-safe, but one owner is the rule.
class Permit {
 public:
  ~Permit();
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

  // Takes `num_bytes` more. Where the limit is reached but other requests are being answered (so
  // that room comes back by itself) the bytes are granted all the same: the caller holds them
  // already, and asks HasRoom() before it accepts more. Else RESOURCE_EXHAUSTED and nothing
  // changes.
  absl::Status Grow(int64_t num_bytes);

  // Gives `num_bytes` of them back: they are not held any more.
  void Shrink(int64_t num_bytes);

  // The request is complete and on its way to an answer: it needs nothing more of its sender.
  void Commit();

  int64_t num_bytes() const;

 private:
  friend class Admission;
  Permit(std::shared_ptr<Admission> admission, int64_t num_bytes)
      : admission_(std::move(admission)), num_bytes_(num_bytes) {}

  const std::shared_ptr<Admission> admission_;
  int64_t num_bytes_;       // guarded by admission_->mu_
  bool committed_ = false;  // guarded by admission_->mu_
};

// Thread-safe; held by shared_ptr because permits may outlive the runtime.
class Admission : public std::enable_shared_from_this<Admission> {
 public:
  static std::shared_ptr<Admission> Create(int64_t max_bytes, int64_t max_requests);

  // RESOURCE_EXHAUSTED with QUEUE_FULL and a retry delay: a limit would be passed; it is named.
  absl::StatusOr<std::shared_ptr<Permit>> Acquire(int64_t num_bytes);

  // A permit for a document that arrives in pieces, or that its request brought along. Lenient as
  // Permit::Grow is: over a limit it is refused only where no room will come back by itself.
  absl::StatusOr<std::shared_ptr<Permit>> Reserve(int64_t num_bytes = 0);

  // Both counts are under their limits. Also true when nobody is on the way to an answer: waiting
  // would then have no end, and Grow refuses instead.
  bool HasRoom() const;

  // Runs `callback` once there is room (at once if there is now), on whichever thread made it.
  void WhenRoom(absl::AnyInvocable<void()> callback);

  int64_t num_bytes() const;
  int64_t num_requests() const;

 private:
  friend class Permit;
  Admission(int64_t max_bytes, int64_t max_requests)
      : max_bytes_(max_bytes), max_requests_(max_requests) {}

  bool HasRoomLocked() const;
  std::shared_ptr<Permit> GrantLocked(int64_t num_bytes);
  // Gives back bytes, and with them the permit itself where `permit` is not null.
  void Release(int64_t num_bytes, const Permit* permit);

  const int64_t max_bytes_;
  const int64_t max_requests_;
  mutable std::mutex mu_;
  int64_t num_bytes_ = 0;
  int64_t num_requests_ = 0;
  int64_t num_committed_ = 0;
  std::vector<absl::AnyInvocable<void()>> waiters_;
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_ADMISSION_H_
