// strata-server: serves model folders over gRPC until SIGTERM or SIGINT, then drains.
//
// stdout gets one line, "ready ADDRESS in SECONDSs" (with --json an object), once requests are
// answered; everything else goes to stderr as JSON lines. Exit code: 0 after a drain, 1 if it could
// not start, 2 for a wrong command line.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/grpc/server.h"
#include "services/runtime/runtime.h"
#include "services/telemetry/json_log.h"

namespace strata::service {
namespace {

using telemetry::LogLevel;

struct Flags {
  std::vector<std::string> models;
  runtime::RuntimeOptions runtime;
  ServerOptions server;
  double warm_up_s = 2;
  double drain_grace_s = 0;
  double drain_timeout_s = 30;
  double stream_idle_timeout_s = 300;
  std::string log_level = "info";
  bool json = false;
};

void AddFlags(Flags& flags, CLI::App& app) {
  runtime::Limits& limits = flags.runtime.limits;
  app.add_option("--model", flags.models,
                 "NAME=FOLDER, or FOLDER (its last part is the name); may be given many times, the "
                 "first is the default model");
  app.add_option("--repository", flags.runtime.repository,
                 "folder of MODEL/VERSION/ folders with checksums, beside or in place of --model; "
                 "its models can be loaded and unloaded while the server runs");
  app.add_option("--max-model-bytes", flags.runtime.max_model_bytes,
                 "weights of all models together; 0 = what the machine has")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--warm-up", flags.warm_up_s,
                 "seconds at most that a model warms up before it serves; 0 = no warm-up")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--listen", flags.server.listen_address,
                 "address to listen on; port 0 chooses a free one")
      ->capture_default_str();
  app.add_option("--compute-threads", flags.runtime.compute_threads,
                 "threads of a pass; 0 = the cores this process may use")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--prepare-threads", flags.runtime.prepare_threads,
                 "threads that read and tokenize; 0 = the cores this process may use")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  const auto count = [&app](const char* name, auto& value, const char* help) {
    app.add_option(name, value, help)->check(CLI::PositiveNumber)->capture_default_str();
  };
  count("--max-document-bytes", limits.max_document_bytes, "bytes of one document");
  count("--max-document-tokens", limits.max_document_tokens, "tokens of one document");
  count("--max-queued-bytes", limits.max_queued_bytes, "bytes accepted and not yet answered");
  count("--max-queued-requests", limits.max_queued_requests,
        "documents accepted and not yet answered");
  count("--max-batch-tokens", limits.max_batch_tokens,
        "tokens of one pass (a longer document runs alone)");
  count("--max-batch-documents", limits.max_batch_documents, "documents of one pass");
  count("--max-message-bytes", flags.server.max_message_bytes, "one gRPC message, both ways");
  count("--max-concurrent-streams", flags.server.max_concurrent_streams,
        "calls at once on one connection");
  count("--max-transport-bytes", flags.server.max_transport_bytes, "gRPC's own buffers");
  count("--max-stream-bytes", flags.server.stream.max_bytes,
        "documents and answers held for one stream before it is read no further");
  count("--max-stream-documents", flags.server.stream.max_documents,
        "documents in flight on one stream before it is read no further");
  count("--stream-idle-timeout", flags.stream_idle_timeout_s,
        "seconds after which an upload or a reader that stands still is given up");
  app.add_option("--drain-grace", flags.drain_grace_s,
                 "seconds between NOT_SERVING and the end of service, for balancers to look away")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--drain-timeout", flags.drain_timeout_s,
                 "seconds for accepted requests after the grace")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, "debug, info, warning, error or off")
      ->capture_default_str();
  app.add_flag("--json", flags.json, "the ready line on stdout as one JSON object");
}

// "NAME=FOLDER" or "FOLDER".
std::pair<std::string, std::string> ParseModel(const std::string& argument) {
  const size_t equals = argument.find('=');
  if (equals != std::string::npos) {
    return {argument.substr(0, equals), argument.substr(equals + 1)};
  }
  std::filesystem::path folder = std::filesystem::path(argument).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "a/b/" names "b"
  return {folder.filename().string(), argument};
}

absl::Status Serve(Flags& flags, const sigset_t& signals) {
  const absl::Time begin = absl::Now();
  const auto log_level = telemetry::ParseLogLevel(flags.log_level);
  if (!log_level.ok()) return log_level.status();
  telemetry::SetLogLevel(*log_level);
  for (const std::string& model : flags.models) {
    flags.runtime.models.push_back(ParseModel(model));
  }
  flags.runtime.warm_up = absl::Seconds(flags.warm_up_s);
  flags.server.stream.idle_timeout = absl::Seconds(flags.stream_idle_timeout_s);

  auto runtime = runtime::Runtime::Create(flags.runtime);
  if (!runtime.ok()) return runtime.status();
  auto server = Server::Start(flags.server, runtime->get());
  if (!server.ok()) return server.status();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  telemetry::Log(LogLevel::kInfo, "ready",
                 {{"address", (*server)->address()}, {"seconds", seconds}});
  const std::string address = (*server)->address();
  std::printf(flags.json ? "{\"ready\":\"%s\",\"seconds\":%.3f}\n" : "ready %s in %.2fs\n",
              address.c_str(), seconds);
  std::fflush(stdout);

  int signal = 0;
  sigwait(&signals, &signal);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second one ends the process at once
  telemetry::Log(LogLevel::kInfo, "signal", {{"number", int64_t{signal}}});
  (*server)->Drain(absl::Seconds(flags.drain_grace_s), absl::Seconds(flags.drain_timeout_s));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  // Blocked before any thread starts, so that only sigwait sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // whoever reads stderr may go first

  CLI::App app("Serves document models over gRPC.", "strata-server");
  Flags flags;
  AddFlags(flags, app);
  try {
    app.parse(argc, argv);
    if (flags.models.empty() && flags.runtime.repository.empty()) {
      throw CLI::RequiredError("--model or --repository");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::Status status = Serve(flags, signals);
  telemetry::FlushLog();
  if (status.ok()) return 0;
  std::fprintf(stderr, "strata-server: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace strata::service

int main(int argc, char** argv) { return strata::service::Main(argc, argv); }
