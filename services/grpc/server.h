// The gRPC server: our service, KServe v2, health and reflection on one port.
#ifndef STRATA_SERVICES_GRPC_SERVER_H_
#define STRATA_SERVICES_GRPC_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/grpc/server_credentials.h"
#include "services/grpc/stream_reactors.h"
#include "services/runtime/runtime.h"

namespace strata::service {

struct ServerOptions {
  std::string listen_address =
      "127.0.0.1:50051";  // port 0 = one that is free; "unix:/path" works too
  // One message, both ways. A longer one that comes in ends its call with RESOURCE_EXHAUSTED.
  int64_t max_message_bytes = int64_t{16} << 20;
  int max_concurrent_streams = 256;                // calls at once on one connection
  int64_t max_transport_bytes = int64_t{1} << 30;  // gRPC's own buffers, all connections
  StreamLimits stream;
  TlsFiles tls;             // empty = plain text
  std::string tokens_file;  // of Authorizer; empty = everybody may call everything
};

// Health (grpc.health.v1, Check and Watch) knows "", both services and "models/NAME" for each
// model that is known, serving as long as it is loaded. Thread-safe.
class Server {
 public:
  // Serves when it returns. UNAVAILABLE: the address cannot be bound; what MakeServerCredentials
  // and Authorizer::Load say. `runtime` outlives the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       runtime::Runtime* runtime);
  // Drains without grace and with no time left, unless Drain was called.
  virtual ~Server() = default;

  // Where it listens, with the port that was chosen.
  virtual const std::string& address() const = 0;

  // The orderly end: health says NOT_SERVING; for `grace` everything goes on, so that balancers can
  // look away; then streams read no more, what was accepted is answered, connections close. What is
  // left after `timeout` (from the end of the grace) ends as UNAVAILABLE. Drains the runtime, too.
  virtual void Drain(absl::Duration grace, absl::Duration timeout) = 0;
};

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_SERVER_H_
