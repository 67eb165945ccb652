// The bytes of one file as they arrive: one side appends, the other reads, and what was read can
// go.
#ifndef STRATA_MODELS_MEDIA_BYTE_FEED_H_
#define STRATA_MODELS_MEDIA_BYTE_FEED_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace strata::models {

// Thread-safe.
class ByteFeed {
 public:
  // `on_dropped` is told, outside of the feed's mutex, how many bytes have gone; and 0 when the
  // reader begins to wait. May be null.
  explicit ByteFeed(std::function<void(int64_t num_bytes)> on_dropped = nullptr)
      : on_dropped_(std::move(on_dropped)) {}

  void Append(std::string bytes);
  // OK: that was all of it. Else: there is no more, and why. The first call counts.
  void Close(absl::Status status = absl::OkStatus());

  int64_t size() const;  // arrived so far
  bool closed() const;
  bool waiting() const;         // the reader wants more (WhenMore)
  absl::Status status() const;  // what it was closed with

  // Copies up to `count` bytes from `offset` on; fewer where they are not there.
  size_t Read(int64_t offset, char* data, size_t count) const;
  // Nothing before `offset` is read again.
  void DropBefore(int64_t offset);

  // Calls once when the feed has more than `seen` bytes or is closed: at once if so, else from
  // within Append or Close.
  void WhenMore(int64_t seen, std::function<void()> callback);

 private:
  const std::function<void(int64_t)> on_dropped_;
  mutable std::mutex mu_;
  std::deque<std::string> pieces_;
  int64_t begin_ = 0;  // of the first piece
  int64_t size_ = 0;
  bool closed_ = false;
  absl::Status status_;
  std::function<void()> waiting_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_BYTE_FEED_H_
