// strata-server: serves model folders over gRPC until SIGTERM or SIGINT, then drains.
//
// stdout gets one line, "ready ADDRESS in SECONDSs" (with --json an object), once requests are
// answered; everything else goes to stderr as JSON lines. Exit code: 0 after a drain, 1 if it could
// not start, 2 for a wrong command line; a signal that comes before the models are loaded ends it
// at once.
#include <semaphore.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "services/grpc/server.h"
#include "services/grpc/server_flags.h"
#include "services/grpc/trace_exporter.h"
#include "services/runtime/request_log.h"
#include "services/runtime/runtime.h"
#include "services/runtime/runtime_metrics.h"
#include "services/telemetry/json_log.h"
#include "services/telemetry/steady_time.h"

namespace strata::service {
namespace {

using telemetry::LogLevel;

sem_t signalled;
std::atomic<int> signal_number{0};

// From here on SIGTERM and SIGINT are waited for; a second one ends the process at once.
void CatchSignals() {
  sem_init(&signalled, /*pshared=*/0, 0);
  struct sigaction action = {};
  action.sa_handler = [](int number) {
    signal_number = number;
    sem_post(&signalled);
  };
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

int WaitForSignal() {
  while (sem_wait(&signalled) != 0) {
  }
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  return signal_number;
}

absl::Status Serve(ServerFlags& flags) {
  const absl::Time begin = telemetry::SteadyNow();
  telemetry::SetLogLevel(flags.log_level);
  const auto metrics = std::make_shared<runtime::RuntimeMetrics>();
  flags.runtime.observers = {std::make_shared<runtime::RequestLog>(), metrics};
  if (!flags.traces.endpoint.empty()) {
    flags.runtime.observers.push_back(std::make_shared<TraceExporter>(flags.traces));
  }
  auto runtime = runtime::Runtime::Create(flags.runtime);
  if (!runtime.ok()) return runtime.status();
  CatchSignals();
  metrics->Watch(runtime->get());
  const auto unwatch = absl::MakeCleanup([&] { metrics->Watch(nullptr); });
  if (!flags.metrics_address.empty()) {
    if (absl::Status status = metrics->Serve(flags.metrics_address); !status.ok()) return status;
    telemetry::Log(LogLevel::kInfo, "metrics", {{"port", int64_t{metrics->port()}}});
  }
  auto server = Server::Start(flags.server, runtime->get());
  if (!server.ok()) return server.status();
  const std::string address = (*server)->address();
  if (!flags.server.tokens_file.empty() && flags.server.tls.certificate.empty() &&
      !absl::StartsWith(address, "127.") && !absl::StartsWith(address, "localhost:") &&
      !absl::StartsWith(address, "[::1]:") && !absl::StartsWith(address, "unix:")) {
    telemetry::Log(LogLevel::kWarning, "tokens_in_plain_text", {{"address", address}});
  }
  const double seconds = absl::ToDoubleSeconds(telemetry::SteadyNow() - begin);
  telemetry::Log(LogLevel::kInfo, "ready", {{"address", address}, {"seconds", seconds}});
  std::printf(flags.json ? "{\"ready\":\"%s\",\"seconds\":%.3f}\n" : "ready %s in %.2fs\n",
              address.c_str(), seconds);
  std::fflush(stdout);

  telemetry::Log(LogLevel::kInfo, "signal", {{"number", int64_t{WaitForSignal()}}});
  (*server)->Drain(flags.drain_grace, flags.drain_timeout);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // whoever reads stderr may go first

  ServerFlags flags;
  if (const std::optional<int> code = ParseServerFlags(argc, argv, flags)) return *code;
  const absl::Status status = Serve(flags);
  telemetry::FlushLog();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s: %s\n", flags.program.c_str(), std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace strata::service

int main(int argc, char** argv) { return strata::service::Main(argc, argv); }
