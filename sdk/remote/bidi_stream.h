// A bidirectional gRPC call whose writes block their caller and whose reads are handed to a
// callback: the shape of every upload in chunks.
#ifndef STRATA_SDK_REMOTE_BIDI_STREAM_H_
#define STRATA_SDK_REMOTE_BIDI_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace strata::internal {

// Write and HalfClose: one thread at a time. Cancel, done, Wait: any thread.
template <typename Request, typename Response>
class BidiStream final : public grpc::ClientBidiReactor<Request, Response> {
 public:
  // Called on a gRPC thread, one at a time; must not block. The response may be moved from.
  using OnResponse = std::function<void(Response& response)>;
  // Called on a gRPC thread when the call has ended; nothing is called after it.
  using OnEnd = std::function<void(const grpc::Status& status)>;

  BidiStream(OnResponse on_response, OnEnd on_end)
      : on_response_(std::move(on_response)), on_end_(std::move(on_end)) {}

  // Cancels the call if it has not ended, and waits for its end.
  ~BidiStream() override {
    context_.TryCancel();
    Wait();
  }

  grpc::ClientContext& context() { return context_; }

  // `start` is the stub's method: [&](context, reactor) { stub->async()->Method(context, reactor);
  // }
  template <typename Start>
  void Begin(Start start) {
    start(&context_, this);
    // The hold keeps OnDone back while Write may still be called.
    this->AddHold();
    this->StartRead(&response_);
    this->StartCall();
  }

  // False if the call is over; Wait says why. Blocks while the other side takes no more.
  bool Write(const Request& request, bool half_close = false) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (broken_ || closed_) return false;
    writing_ = true;
    closed_ = half_close;
    lock.unlock();
    if (half_close) {
      this->StartWriteLast(&request, grpc::WriteOptions());
    } else {
      this->StartWrite(&request);
    }
    lock.lock();
    changed_.wait(lock, [this] { return !writing_; });
    const bool written = !broken_;
    ReleaseIfOver(lock);
    return written;
  }

  // No more writes.
  void HalfClose() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!closed_ && !broken_) {
      writing_ = true;  // keeps the hold
      lock.unlock();
      this->StartWritesDone();
      lock.lock();
      writing_ = false;
    }
    closed_ = true;
    ReleaseIfOver(lock);
  }

  void Cancel() { context_.TryCancel(); }

  // Until the end of the call. Gives up writing.
  grpc::Status Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    closed_ = true;
    ReleaseIfOver(lock);
    changed_.wait(lock, [this] { return done_; });
    return status_;
  }
  // At most this long; false if the call goes on.
  bool WaitFor(std::chrono::milliseconds duration) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, duration, [this] { return done_; });
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {  // the other side said all it had to say: no write helps any more
      std::unique_lock<std::mutex> lock(mutex_);
      broken_ = true;
      changed_.notify_all();
      ReleaseIfOver(lock);
      return;
    }
    on_response_(response_);
    this->StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    if (!ok) broken_ = true;
    changed_.notify_all();
  }

  void OnDone(const grpc::Status& status) override {
    on_end_(status);
    std::lock_guard<std::mutex> lock(mutex_);
    status_ = status;
    done_ = true;
    changed_.notify_all();
  }

  // Lets the call end once no write can follow. `this` lives on: the caller is using it, or is a
  // reaction, which the end waits for.
  void ReleaseIfOver(std::unique_lock<std::mutex>& lock) {
    if ((!closed_ && !broken_) || writing_ || released_) return;
    released_ = true;
    lock.unlock();
    this->RemoveHold();
    lock.lock();
  }

  const OnResponse on_response_;
  const OnEnd on_end_;
  grpc::ClientContext context_;
  Response response_;

  std::mutex mutex_;
  std::condition_variable changed_;
  grpc::Status status_;
  bool writing_ = false;
  bool closed_ = false;    // by us
  bool broken_ = false;    // by the other side
  bool released_ = false;  // the hold is gone
  bool done_ = false;
};

}  // namespace strata::internal

#endif  // STRATA_SDK_REMOTE_BIDI_STREAM_H_
