#include "models/media/byte_feed.h"

#include <algorithm>
#include <cstring>

namespace strata::models {

void ByteFeed::Append(std::string bytes) {
  std::function<void()> callback;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (closed_ || bytes.empty()) return;
    size_ += static_cast<int64_t>(bytes.size());
    pieces_.push_back(std::move(bytes));
    callback = std::exchange(waiting_, nullptr);
  }
  if (callback) callback();
}

void ByteFeed::Close(absl::Status status) {
  std::function<void()> callback;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (closed_) return;
    closed_ = true;
    status_ = std::move(status);
    callback = std::exchange(waiting_, nullptr);
  }
  if (callback) callback();
}

int64_t ByteFeed::size() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return size_;
}

bool ByteFeed::closed() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return closed_;
}

bool ByteFeed::waiting() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return waiting_ != nullptr;
}

absl::Status ByteFeed::status() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return status_;
}

size_t ByteFeed::Read(int64_t offset, char* data, size_t count) const {
  const std::lock_guard<std::mutex> lock(mu_);
  if (offset < begin_) return 0;
  size_t done = 0;
  int64_t piece_begin = begin_;
  for (const std::string& piece : pieces_) {
    const auto size = static_cast<int64_t>(piece.size());
    const int64_t inside = offset + static_cast<int64_t>(done) - piece_begin;
    if (done < count && inside < size) {
      const size_t taken = std::min(count - done, static_cast<size_t>(size - inside));
      std::memcpy(data + done, piece.data() + inside, taken);
      done += taken;
    }
    piece_begin += size;
  }
  return done;
}

void ByteFeed::DropBefore(int64_t offset) {
  int64_t dropped = 0;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    while (!pieces_.empty() && begin_ + static_cast<int64_t>(pieces_.front().size()) <= offset) {
      dropped += static_cast<int64_t>(pieces_.front().size());
      begin_ += static_cast<int64_t>(pieces_.front().size());
      pieces_.pop_front();
    }
  }
  if (dropped > 0 && on_dropped_) on_dropped_(dropped);
}

void ByteFeed::WhenMore(int64_t seen, std::function<void()> callback) {
  bool waits = false;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    waits = size_ <= seen && !closed_;
    if (waits) waiting_ = std::move(callback);
  }
  if (!waits) {
    callback();
  } else if (on_dropped_) {
    on_dropped_(0);
  }
}

}  // namespace strata::models
