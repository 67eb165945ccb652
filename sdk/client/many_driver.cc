#include "sdk/client/many_driver.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"

namespace strata::internal {

ManyDriver::ManyDriver(std::unique_ptr<Transport> transport, DocumentSource source,
                       ClassifyCallback on_result, const ClassifyManyOptions& options,
                       std::shared_ptr<Clock> clock)
    : options_(options),
      transport_(std::move(transport)),
      source_(std::move(source)),
      on_result_(std::move(on_result)),
      clock_(std::move(clock)) {
  transport_->Start([this](std::uint64_t ticket, absl::StatusOr<ClassifyResult> result) {
    std::lock_guard<std::mutex> lock(mutex_);
    answers_.emplace_back(ticket, std::move(result));
    changed_.notify_all();
  });
  send_thread_ = std::thread([this] { SendLoop(); });
  deliver_thread_ = std::thread([this] { DeliverLoop(); });
}

ManyDriver::~ManyDriver() {
  bool finished;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    finished = finished_;
  }
  if (!finished) Cancel();
  send_thread_.join();
  deliver_thread_.join();
  transport_.reset();  // no answer comes from here on
}

absl::Status ManyDriver::Wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return finished_; });
  return cancelled_ ? absl::CancelledError("the stream of documents was cancelled")
                    : absl::OkStatus();
}

void ManyDriver::Cancel() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (finished_) return;
    cancelled_ = true;
    changed_.notify_all();
  }
  transport_->Cancel();
}

void ManyDriver::SendLoop() {
  while (std::optional<Next> next = TakeNext()) {
    transport_->Send(next->ticket, next->document, next->deadline);
  }
}

// Blocks until a document may be sent: one whose retry is due, else a new one if there is room.
std::optional<ManyDriver::Next> ManyDriver::TakeNext() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    if (cancelled_ || (source_ended_ && !taken_.has_value() && items_.empty())) {
      // Under the lock, so that the delivering thread sees that no item will be added.
      source_ended_ = true;
      changed_.notify_all();
      return std::nullopt;
    }
    const absl::Time now = clock_->Now();
    for (auto& [ticket, item] : items_) {
      if (item.waiting && item.ready_at <= now) {
        item.waiting = false;
        return Next{ticket, item.document, item.deadline};
      }
    }
    const bool room = items_.empty() || static_cast<int>(items_.size()) < options_.max_in_flight;
    if (taken_.has_value() &&
        (items_.empty() || (room && bytes_ + taken_bytes_ <= options_.max_in_flight_bytes))) {
      const std::uint64_t ticket = next_ticket_++;
      const absl::Time deadline = now + options_.document_timeout;
      bytes_ += taken_bytes_;
      items_.emplace(
          ticket,
          Item{*taken_, taken_bytes_, deadline, Backoff(options_.retry, JitterSeed()), false, {}});
      changed_.notify_all();  // the delivering thread has a new deadline to watch
      return Next{ticket, *std::exchange(taken_, std::nullopt), deadline};
    }
    if (!taken_.has_value() && !source_ended_ && room) {
      lock.unlock();
      std::optional<DocumentInput> taken = source_();
      // A stream's or callback's size is not known and counts nothing.
      const std::int64_t taken_bytes = taken.has_value() ? taken->size_bytes().value_or(0) : 0;
      lock.lock();
      taken_ = std::move(taken);
      taken_bytes_ = taken_bytes;
      if (!taken_.has_value()) {
        source_ended_ = true;
        changed_.notify_all();
      }
      continue;
    }
    WaitUntil(lock, EarliestEvent(/*deadlines=*/false));
  }
}

void ManyDriver::DeliverLoop() {
  while (auto answer = NextAnswer()) {
    std::string id;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      id = items_.at(answer->first).document.id();
    }
    if (answer->second.ok()) answer->second->id = id;
    on_result_(id, std::move(answer->second));
    // Only now: a slow callback holds back the source.
    std::lock_guard<std::mutex> lock(mutex_);
    const auto item = items_.find(answer->first);
    bytes_ -= item->second.size_bytes;
    items_.erase(item);
    changed_.notify_all();
  }
  std::lock_guard<std::mutex> lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

std::optional<std::pair<std::uint64_t, absl::StatusOr<ClassifyResult>>> ManyDriver::NextAnswer() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    const absl::Time now = clock_->Now();
    while (!answers_.empty()) {
      auto [ticket, result] = std::move(answers_.front());
      answers_.pop_front();
      const auto found = items_.find(ticket);
      if (found == items_.end() || found->second.waiting) continue;  // late, or said twice
      Item& item = found->second;
      if (result.ok() || cancelled_) return std::make_pair(ticket, std::move(result));
      const auto wait = item.backoff.Next(result.status(), now, item.deadline);
      if (!wait.has_value()) return std::make_pair(ticket, item.backoff.Explain(result.status()));
      item.waiting = true;
      item.ready_at = now + *wait;
      changed_.notify_all();
    }
    if (cancelled_ && !items_.empty()) {
      return std::make_pair(items_.begin()->first,
                            absl::CancelledError("the stream of documents was cancelled"));
    }
    for (const auto& [ticket, item] : items_) {
      if (item.deadline > now) continue;
      transport_->Abandon(ticket);
      return std::make_pair(
          ticket, absl::DeadlineExceededError(absl::StrCat(
                      "no answer within ", absl::FormatDuration(options_.document_timeout), " (",
                      item.backoff.attempts(), " attempts)")));
    }
    if (source_ended_ && items_.empty()) return std::nullopt;
    WaitUntil(lock, EarliestEvent(/*deadlines=*/true));
  }
}

void ManyDriver::WaitUntil(std::unique_lock<std::mutex>& lock, absl::Time time) {
  if (time == absl::InfiniteFuture()) {
    changed_.wait(lock);
  } else {
    const absl::Duration wait = std::max(time - clock_->Now(), absl::ZeroDuration());
    changed_.wait_for(lock, absl::ToChronoMicroseconds(wait) + std::chrono::microseconds(1));
  }
}

absl::Time ManyDriver::EarliestEvent(bool deadlines) const {
  absl::Time earliest = absl::InfiniteFuture();
  for (const auto& [ticket, item] : items_) {
    if (deadlines) earliest = std::min(earliest, item.deadline);
    if (!deadlines && item.waiting) earliest = std::min(earliest, item.ready_at);
  }
  return earliest;
}

}  // namespace strata::internal
