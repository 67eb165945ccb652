// The remote end of ClassifyMany: all documents through one bidirectional stream, opened again when
// it breaks.
#ifndef STRATA_SDK_REMOTE_STREAM_TRANSPORT_H_
#define STRATA_SDK_REMOTE_STREAM_TRANSPORT_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sdk/client/many_driver.h"
#include "sdk/remote/call_settings.h"

namespace strata::internal {

class StreamTransport final : public ManyDriver::Transport {
 public:
  StreamTransport(CallSettings settings, ClassifyOptions options);
  ~StreamTransport() override;

  void Start(ManyDriver::Answer answer) override;
  void Send(std::uint64_t ticket, const DocumentInput& document, absl::Time deadline) override;
  void Abandon(std::uint64_t ticket) override;
  void Cancel() override;

 private:
  class Session;  // one stream with the tickets that wait for its answers

  const CallSettings settings_;
  const ClassifyOptions options_;
  ManyDriver::Answer answer_;

  std::mutex mutex_;
  std::shared_ptr<Session> session_;
  std::uint64_t sending_ = 0;           // in Send now; 0 = none
  std::vector<std::string> abandoned_;  // wire ids to be cancelled before the next header
  bool cancelled_ = false;
};

}  // namespace strata::internal

#endif  // STRATA_SDK_REMOTE_STREAM_TRANSPORT_H_
