#include "services/grpc/server_flags.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string_view>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "services/grpc/authorizer.h"

namespace strata::service {
namespace {

constexpr int kExitUsage = 2;
constexpr int kMaxThreads = 1024;
constexpr size_t kColumns = 80;  // of the help

// CLI11's own checks answer a slip with the limits of a double.
CLI::Validator WholeNumber(int64_t lowest, int64_t highest = std::numeric_limits<int64_t>::max()) {
  const auto check = [=](std::string& text) -> std::string {
    int64_t value = 0;
    if (absl::SimpleAtoi(text, &value) && value >= lowest && value <= highest) return "";
    const std::string range = highest == std::numeric_limits<int64_t>::max()
                                  ? absl::StrCat("of ", lowest, " or more")
                                  : absl::StrCat("from ", lowest, " to ", highest);
    return absl::StrCat("'", text, "' is not a whole number ", range);
  };
  return CLI::Validator(check, "");
}

CLI::Validator Seconds(bool may_be_zero = true) {
  const auto check = [=](std::string& text) -> std::string {
    double value = 0;
    if (absl::SimpleAtod(text, &value) && (value > 0 || (value == 0 && may_be_zero))) return "";
    return absl::StrCat("'", text, "' is not a number of seconds, ",
                        may_be_zero ? "0 or more" : "over 0");
  };
  return CLI::Validator(check, "");
}

// A gRPC address that names a port: HOST:PORT, [IPv6]:PORT or unix:PATH.
CLI::Validator ListenAddress(bool may_be_empty) {
  const auto check = [=](std::string& text) -> std::string {
    if (text.rfind("unix:", 0) == 0 || (text.empty() && may_be_empty)) return "";
    const size_t colon = text.rfind(':');
    const std::string host = text.substr(0, std::min(colon, text.size()));
    if (colon == std::string::npos) {
      return absl::StrCat("'", text, "' has no port; give HOST:PORT, as 127.0.0.1:50051");
    }
    if (host.empty()) {
      return absl::StrCat("'", text, "' has no host; 0.0.0.0", text, " listens on all addresses");
    }
    if (host.find(':') != std::string::npos && (host.front() != '[' || host.back() != ']')) {
      return absl::StrCat("'", text, "': an IPv6 address stands in brackets, as [::1]:50051");
    }
    int port = 0;
    if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 0 || port > 65535) {
      return absl::StrCat("'", text.substr(colon + 1), "' is no port; ports go from 0 to 65535");
    }
    return "";
  };
  return CLI::Validator(check, "");
}

// Breaks descriptions between words, so that they stay right of the flags' names.
void WrapDescriptions(CLI::App& app) {
  const size_t columns = kColumns - app.get_formatter()->get_column_width();
  for (CLI::Option* option : app.get_options()) {
    std::string wrapped;
    size_t line = 0;  // where the last line begins
    for (const auto& part : absl::StrSplit(option->get_description(), ' ')) {
      const std::string word(part);
      if (wrapped.size() > line && wrapped.size() - line + 1 + word.size() > columns) {
        wrapped += '\n';
        line = wrapped.size();
      } else if (!wrapped.empty()) {
        wrapped += ' ';
      }
      wrapped += word;
    }
    option->description(wrapped);
  }
}

// Values as they are written; the rest goes straight into the options.
struct RawFlags {
  std::vector<std::string> models;
  double warm_up_s = 2;
  double drain_grace_s = 0;
  double drain_timeout_s = 30;
  double stream_idle_timeout_s = 300;
  double tls_reload_s = 60;
  std::string dtype = "fp32";
  std::string log_level = "info";
  bool print_config = false;
  bool check_config = false;
};

void AddModelFlags(CLI::App& app, RawFlags& raw, ServerFlags& flags) {
  app.add_option("--model", raw.models,
                 "NAME=FOLDER, or FOLDER (its last part is the name); may be given many times, the "
                 "first is the default model")
      ->allow_extra_args(false)
      ->type_name("MODEL");
  app.add_option("--repository", flags.runtime.repository,
                 "folder of MODEL/VERSION/ folders with checksums, beside or in place of --model; "
                 "its models can be loaded and unloaded while the server runs")
      ->type_name("FOLDER");
  app.add_option("--max-model-bytes", flags.runtime.max_model_bytes,
                 "weights of all models together; 0 = what the machine has")
      ->check(WholeNumber(0))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--warm-up", raw.warm_up_s,
                 "seconds at most that a model warms up before it serves; 0 = no warm-up")
      ->check(Seconds())
      ->capture_default_str()
      ->type_name("S");
  app.add_option("--dtype", raw.dtype,
                 "what the models' matrices are kept as: fp32, bf16 or int8, whatever their files "
                 "hold")
      ->capture_default_str()
      ->type_name("TYPE");
  app.add_option("--listen", flags.server.listen_address,
                 "address to listen on; port 0 chooses a free one")
      ->check(ListenAddress(false))
      ->capture_default_str()
      ->type_name("HOST:PORT");
  const auto threads = [&app](const char* name, int& value, const char* help) {
    app.add_option(name, value, help)
        ->check(WholeNumber(0, kMaxThreads))
        ->capture_default_str()
        ->type_name("N");
  };
  threads("--compute-threads", flags.runtime.compute_threads,
          "threads of a pass; 0 = the cores this process may use");
  threads("--prepare-threads", flags.runtime.prepare_threads,
          "threads that read and tokenize; 0 = the cores this process may use");
}

void AddLimitFlags(CLI::App& app, ServerFlags& flags) {
  runtime::Limits& limits = flags.runtime.limits;
  const auto count = [&app](const char* name, auto& value, const char* help) {
    app.add_option(name, value, help)
        ->check(WholeNumber(1))
        ->capture_default_str()
        ->type_name("N")
        ->group("Limits");
  };
  count("--max-document-bytes", limits.max_document_bytes, "bytes of one document");
  count("--max-document-tokens", limits.max_document_tokens, "tokens of one document");
  count("--max-image-pixels", limits.max_image_pixels, "pixels of one image, before it is resized");
  count("--max-sound-seconds", limits.max_sound_seconds, "length of one sound");
  count("--max-queued-bytes", limits.max_queued_bytes, "bytes accepted and not yet answered");
  count("--max-queued-requests", limits.max_queued_requests,
        "documents accepted and not yet answered");
  count("--max-answer-bytes", limits.max_answer_bytes, "vectors being made or not yet sent");
  count("--max-batch-tokens", limits.max_batch_tokens,
        "tokens of one pass (a longer document runs alone)");
  count("--max-batch-documents", limits.max_batch_documents, "documents of one pass");
  app.add_option("--cache-bytes", flags.runtime.cache_bytes,
                 "answers kept by the content of their request; 0 = none")
      ->check(WholeNumber(0))
      ->capture_default_str()
      ->type_name("N")
      ->group("Limits");
  count("--max-message-bytes", flags.server.max_message_bytes, "one gRPC message, both ways");
  count("--max-concurrent-streams", flags.server.max_concurrent_streams,
        "calls at once on one connection");
  count("--max-transport-bytes", flags.server.max_transport_bytes, "gRPC's own buffers");
  count("--max-stream-bytes", flags.server.stream.max_bytes,
        "documents and answers held for one stream before it is read no further");
  count("--max-stream-documents", flags.server.stream.max_documents,
        "documents in flight on one stream before it is read no further");
}

void AddSecurityFlags(CLI::App& app, RawFlags& raw, ServerFlags& flags) {
  TlsFiles& tls = flags.server.tls;
  const auto file = [&app](const char* name, std::string& value, const char* help) {
    app.add_option(name, value, help)->type_name("FILE")->group("Security");
  };
  file("--tls-cert", tls.certificate, "PEM certificate of this server, its chain behind it");
  file("--tls-key", tls.key, "PEM private key of it");
  file("--tls-client-ca", tls.client_ca,
       "mutual TLS: only clients with a certificate that one of these signed");
  app.add_option("--tls-reload", raw.tls_reload_s,
                 "seconds between two looks at these files, so that they can be renewed")
      ->check(Seconds(/*may_be_zero=*/false))
      ->capture_default_str()
      ->type_name("S")
      ->group("Security");
  file("--tokens", flags.server.tokens_file,
       "JSON file of the bearer tokens that may call, with scopes and rates; read again when it "
       "changes");
}

void AddOperationFlags(CLI::App& app, RawFlags& raw, ServerFlags& flags) {
  const auto seconds = [&app](const char* name, double& value, const char* help) {
    app.add_option(name, value, help)
        ->check(Seconds())
        ->capture_default_str()
        ->type_name("S")
        ->group("Operation");
  };
  seconds("--drain-grace", raw.drain_grace_s,
          "seconds between NOT_SERVING and the end of service, for balancers to look away");
  seconds("--drain-timeout", raw.drain_timeout_s, "seconds for accepted requests after the grace");
  seconds("--stream-idle-timeout", raw.stream_idle_timeout_s,
          "seconds after which an upload or a reader that stands still is given up; 0 = never");
  app.add_option("--metrics", flags.metrics_address,
                 "address to answer Prometheus at (GET /metrics); port 0 chooses a free one")
      ->check(ListenAddress(true))
      ->type_name("HOST:PORT")
      ->group("Operation");
  app.add_option("--traces", flags.traces.endpoint,
                 "OpenTelemetry collector to send traces to (OTLP over gRPC)")
      ->type_name("HOST:PORT")
      ->group("Operation");
  app.add_option("--trace-ratio", flags.traces.sample_ratio,
                 "share of the requests to trace whose caller sends no traceparent")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->type_name("X")
      ->group("Operation");
  app.add_option("--log-level", raw.log_level, "debug, info, warning, error or off")
      ->capture_default_str()
      ->type_name("LEVEL")
      ->group("Operation");
  app.add_flag("--json", flags.json, "the ready line on stdout as one JSON object")
      ->group("Operation");
  // These three are about the configuration and no part of it.
  app.add_flag("--print-config", raw.print_config, "print the whole configuration as TOML and end")
      ->configurable(false)
      ->group("Operation");
  app.add_flag("--check-config", raw.check_config,
               "check everything that can be checked without serving, and end")
      ->configurable(false)
      ->group("Operation");
  app.set_config("--config", "", "TOML file of flags without their dashes")
      ->type_name("FILE")
      ->group("Operation");
}

std::string EnvironmentName(const std::string& flag) {
  return absl::StrCat("STRATA_", absl::AsciiStrToUpper(absl::StrReplaceAll(flag, {{"-", "_"}})));
}

// CLI11 would let the file win over the environment; so what the environment says is put among the
// arguments, unless the command line says it itself.
std::vector<std::string> WithEnvironment(const CLI::App& app, int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::vector<std::string> added;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || !option->get_configurable()) continue;
    const std::string& name = option->get_lnames().front();
    const char* const value = std::getenv(EnvironmentName(name).c_str());
    if (value == nullptr) continue;
    const std::string flag = absl::StrCat("--", name);
    const bool is_said = std::any_of(arguments.begin(), arguments.end(), [&](const auto& argument) {
      return argument == flag || argument.rfind(flag + "=", 0) == 0;
    });
    if (is_said) continue;
    for (const auto& part : absl::StrSplit(value, ';', absl::SkipEmpty())) {
      added.push_back(absl::StrCat(flag, "=", std::string(part)));
    }
  }
  arguments.insert(arguments.end(), added.begin(), added.end());
  return arguments;
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

absl::Status Resolve(const RawFlags& raw, ServerFlags& flags) {
  const auto log_level = telemetry::ParseLogLevel(raw.log_level);
  if (!log_level.ok()) return log_level.status();
  flags.log_level = *log_level;
  const auto precision = models::ParseWeightPrecision(raw.dtype);
  if (!precision.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--dtype: ", std::string(precision.status().message())));
  }
  flags.runtime.precision = *precision;
  for (const std::string& model : raw.models) flags.runtime.models.push_back(ParseModel(model));
  flags.runtime.warm_up = absl::Seconds(raw.warm_up_s);
  flags.server.stream.idle_timeout = raw.stream_idle_timeout_s > 0
                                         ? absl::Seconds(raw.stream_idle_timeout_s)
                                         : absl::InfiniteDuration();
  flags.server.tls.reload_interval = absl::Seconds(raw.tls_reload_s);
  flags.drain_grace = absl::Seconds(raw.drain_grace_s);
  flags.drain_timeout = absl::Seconds(raw.drain_timeout_s);
  return absl::OkStatus();
}

absl::Status CheckConfiguration(const ServerFlags& flags) {
  if (absl::Status status = runtime::CheckLimits(flags.runtime.limits); !status.ok()) return status;
  if (auto credentials = MakeServerCredentials(flags.server.tls); !credentials.ok()) {
    return credentials.status();
  }
  if (!flags.server.tokens_file.empty()) {
    auto authorizer = Authorizer::Load(flags.server.tokens_file);
    if (!authorizer.ok()) return authorizer.status();
  }
  for (const auto& [name, folder] : flags.runtime.models) {
    std::error_code error;
    if (!std::filesystem::exists(std::filesystem::path(folder) / "config.json", error)) {
      return absl::NotFoundError(
          absl::StrCat("model '", name, "': ", folder, " holds no config.json"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<int> ParseServerFlags(int argc, const char* const* argv, ServerFlags& flags) {
  flags.program = argv[0] == std::string_view("strata serve") ? "strata serve" : "strata-server";
  CLI::App app("Serves document models over gRPC.", flags.program);
  app.allow_config_extras(CLI::config_extras_mode::error);  // a misspelt key is no key
  RawFlags raw;
  AddModelFlags(app, raw, flags);
  AddLimitFlags(app, flags);
  AddSecurityFlags(app, raw, flags);
  AddOperationFlags(app, raw, flags);
  app.footer(
      "Every flag can stand in the file of --config (max-batch-tokens = 8192) and in\n"
      "the environment (STRATA_MAX_BATCH_TOKENS=8192; several models:\n"
      "'a=FOLDER;b=FOLDER'). The command line goes before the environment, the\n"
      "environment before the file.");
  WrapDescriptions(app);
  try {
    std::vector<std::string> arguments = WithEnvironment(app, argc, argv);
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (raw.print_config) {
    std::fputs(app.config_to_str(/*default_also=*/true, /*write_description=*/true).c_str(),
               stdout);
    return 0;
  }
  const auto fail = [&](const absl::Status& status, int code) {
    std::fprintf(stderr, "%s: %s\n", flags.program.c_str(), std::string(status.message()).c_str());
    return code;
  };
  if (absl::Status status = Resolve(raw, flags); !status.ok()) return fail(status, kExitUsage);
  if (raw.models.empty() && flags.runtime.repository.empty()) {
    return fail(
        absl::InvalidArgumentError("no model is named; give --model FOLDER or --repository FOLDER"),
        kExitUsage);
  }
  if (!raw.check_config) return std::nullopt;
  if (absl::Status status = CheckConfiguration(flags); !status.ok()) return fail(status, 1);
  std::puts("the configuration is sound");
  return 0;
}

}  // namespace strata::service
