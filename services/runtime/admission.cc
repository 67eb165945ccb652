#include "services/runtime/admission.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/runtime/error_detail.h"

namespace strata::runtime {
namespace {

// A pass over a batch takes some tenths of a second; a shorter wait would only meet the same queue.
constexpr absl::Duration kRetryDelay = absl::Milliseconds(250);

absl::Status Full(const char* limit, int64_t maximum, const char* unit) {
  return WithDetail(
      absl::ResourceExhaustedError(absl::StrCat("the queue is full (", limit, " = ", maximum, unit,
                                                "); try again later, or slow down")),
      {.reason = "QUEUE_FULL", .field = {}, .retry_delay = kRetryDelay});
}

}  // namespace

Permit::~Permit() { admission_->Release(num_bytes_, this); }

void Permit::Shrink(int64_t num_bytes) {
  {
    std::lock_guard<std::mutex> lock(admission_->mu_);
    num_bytes = std::min(num_bytes, num_bytes_);
    num_bytes_ -= num_bytes;
  }
  admission_->Release(num_bytes, nullptr);
}

absl::Status Permit::Grow(int64_t num_bytes) {
  std::lock_guard<std::mutex> lock(admission_->mu_);
  if (admission_->num_bytes_ + num_bytes > admission_->max_bytes_ &&
      admission_->num_committed_ == 0) {
    return Full("max_queued_bytes", admission_->max_bytes_, " bytes");
  }
  admission_->num_bytes_ += num_bytes;
  num_bytes_ += num_bytes;
  return absl::OkStatus();
}

void Permit::Commit() {
  std::lock_guard<std::mutex> lock(admission_->mu_);
  if (committed_) return;
  committed_ = true;
  ++admission_->num_committed_;
}

int64_t Permit::num_bytes() const {
  std::lock_guard<std::mutex> lock(admission_->mu_);
  return num_bytes_;
}

std::shared_ptr<Admission> Admission::Create(int64_t max_bytes, int64_t max_requests) {
  return std::shared_ptr<Admission>(new Admission(max_bytes, max_requests));
}

absl::StatusOr<std::shared_ptr<Permit>> Admission::Acquire(int64_t num_bytes) {
  std::lock_guard<std::mutex> lock(mu_);
  if (num_requests_ >= max_requests_) return Full("max_queued_requests", max_requests_, "");
  if (num_bytes_ + num_bytes > max_bytes_) return Full("max_queued_bytes", max_bytes_, " bytes");
  return GrantLocked(num_bytes);
}

std::shared_ptr<Permit> Admission::GrantLocked(int64_t num_bytes) {
  ++num_requests_;
  num_bytes_ += num_bytes;
  return std::shared_ptr<Permit>(new Permit(shared_from_this(), num_bytes));
}

absl::StatusOr<std::shared_ptr<Permit>> Admission::Reserve(int64_t num_bytes) {
  {
    std::lock_guard<std::mutex> lock(mu_);
    if (num_committed_ > 0) return GrantLocked(num_bytes);
  }
  return Acquire(num_bytes);
}

bool Admission::HasRoomLocked() const {
  return num_committed_ == 0 || (num_bytes_ < max_bytes_ && num_requests_ < max_requests_);
}

bool Admission::HasRoom() const {
  std::lock_guard<std::mutex> lock(mu_);
  return HasRoomLocked();
}

void Admission::WhenRoom(absl::AnyInvocable<void()> callback) {
  {
    std::lock_guard<std::mutex> lock(mu_);
    if (!HasRoomLocked()) {
      waiters_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void Admission::Release(int64_t num_bytes, const Permit* permit) {
  std::vector<absl::AnyInvocable<void()>> waiters;
  {
    std::lock_guard<std::mutex> lock(mu_);
    num_bytes_ -= num_bytes;
    if (permit != nullptr) {
      --num_requests_;
      if (permit->committed_) --num_committed_;
    }
    if (HasRoomLocked()) waiters.swap(waiters_);
  }
  for (absl::AnyInvocable<void()>& waiter : waiters) waiter();
}

int64_t Admission::num_bytes() const {
  std::lock_guard<std::mutex> lock(mu_);
  return num_bytes_;
}

int64_t Admission::num_requests() const {
  std::lock_guard<std::mutex> lock(mu_);
  return num_requests_;
}

}  // namespace strata::runtime
