// The server's configuration: one schema, read from a file, the environment and the command line,
// each over the one before.
//
// A flag --max-batch-tokens is `max-batch-tokens = 16384` in the file (TOML) and
// STRATA_MAX_BATCH_TOKENS in the environment; several values there are separated by ';'.
#ifndef STRATA_SERVICES_GRPC_SERVER_FLAGS_H_
#define STRATA_SERVICES_GRPC_SERVER_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/grpc/server.h"
#include "services/grpc/trace_exporter.h"
#include "services/runtime/runtime.h"
#include "services/telemetry/json_log.h"

namespace strata::service {

struct ServerFlags {
  std::string program;  // under which name it speaks: "strata-server" or "strata serve"
  runtime::RuntimeOptions runtime;
  ServerOptions server;
  absl::Duration drain_grace, drain_timeout;
  std::string metrics_address;  // empty = no metrics
  TraceOptions traces;          // no endpoint = no traces
  telemetry::LogLevel log_level = telemetry::LogLevel::kInfo;
  bool json = false;  // the ready line
};

// Fills `flags`. A value: the process should end with this exit code, everything is said (help, a
// wrong command line, --print-config, --check-config).
std::optional<int> ParseServerFlags(int argc, const char* const* argv, ServerFlags& flags);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_SERVER_FLAGS_H_
