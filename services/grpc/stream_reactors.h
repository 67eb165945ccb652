// The bidirectional methods: many documents over one stream, uploaded in chunks, answered as each
// is done.
#ifndef STRATA_SERVICES_GRPC_STREAM_REACTORS_H_
#define STRATA_SERVICES_GRPC_STREAM_REACTORS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "services/grpc/active_calls.h"
#include "services/runtime/runtime.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata::service {

// Bounds of one stream. At either of them the server stops reading, HTTP/2 flow control stops the
// client, and reading goes on as answers leave. Where only unfinished uploads fill the stream, so
// that reading is the one way on, a document beyond the bounds is refused in its answer.
struct StreamLimits {
  int64_t max_bytes = int64_t{64} << 20;  // documents in any state, and answers not yet written
  int64_t max_documents = 256;            // open or not yet answered
  // A document whose next chunk does not come, and a client that does not read its answers.
  absl::Duration idle_timeout = absl::Minutes(5);
};

// A live stream, as the server's housekeeping sees it. Thread-safe.
class ManagedStream {
 public:
  virtual ~ManagedStream() = default;
  // Reads no more: unfinished uploads are answered with UNAVAILABLE, submitted documents with their
  // result, then the stream ends with UNAVAILABLE.
  virtual void BeginDrain() = 0;
  // Refuses uploads, or cancels the stream, that stood still since before `now` - idle_timeout.
  virtual void EndIdle(absl::Time now) = 0;
};

// All live streams of a server. Thread-safe.
class StreamRegistry {
 public:
  void Add(const std::shared_ptr<ManagedStream>& stream);
  void Remove(const ManagedStream* stream);
  // Also every stream that is added from now on.
  void BeginDrain();
  void EndIdle(absl::Time now);

 private:
  std::mutex mu_;
  bool draining_ = false;
  std::unordered_map<const ManagedStream*, std::weak_ptr<ManagedStream>> streams_;
};

// What every stream needs; outlives all of them.
struct StreamContext {
  runtime::Runtime* runtime = nullptr;
  ActiveCalls* active = nullptr;
  StreamRegistry* registry = nullptr;
  StreamLimits limits;
  int64_t max_message_bytes = 0;  // of one answer message
};

// Each returns the reactor of one call, which deletes itself.
grpc::ServerBidiReactor<v1::ClassifyStreamRequest, v1::ClassifyStreamResponse>* ClassifyStream(
    const StreamContext& stream, grpc::CallbackServerContext* context);
grpc::ServerBidiReactor<v1::EmbedStreamRequest, v1::EmbedStreamResponse>* EmbedStream(
    const StreamContext& stream, grpc::CallbackServerContext* context);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_STREAM_REACTORS_H_
