// Which model a command uses: a folder in this process, a service, or the one that comes with
// Strata.
#ifndef STRATA_CLIENTS_CLI_MODEL_CHOICE_H_
#define STRATA_CLIENTS_CLI_MODEL_CHOICE_H_

#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "strata/client.h"

namespace strata::cli {

// The folder of the program that runs.
std::string ProgramFolder();

// The zoo model that comes with Strata: $STRATA_ZOO, else share/strata/zoo beside the program's
// folder. NOT_FOUND says where it was looked for.
absl::StatusOr<std::string> DefaultModelFolder();

// "WHAT: FOLDER (comes with Strata; FLAGS for another)" on stderr where that is a terminal.
void TellDefaultModel(const char* what, const std::string& folder, const char* flags);

// The flags --model, --dtype, --server with its security, --threads, --timeout.
class ModelChoice {
 public:
  void AddFlags(CLI::App& command);

  // Loads or connects. If no model was named, a person at a terminal is told which one is used,
  // unless `quiet`. `retry` is for calls to a service.
  absl::StatusOr<Client> Connect(bool quiet, const RetryPolicy& retry = {}) const;

  // Name of the model in requests: empty = the default one.
  std::string model_name() const { return server_.empty() ? "" : model_; }
  // The --model that was given; empty = none.
  const std::string& model() const { return model_; }
  bool remote() const { return !server_.empty(); }
  // Absent = no limit in this process, the SDK's own with a service.
  std::optional<absl::Duration> timeout() const;

 private:
  absl::StatusOr<Client> ConnectToServer(const RetryPolicy& retry) const;

  std::string model_;
  std::string dtype_ = "fp32";
  std::string server_;
  bool tls_ = false;
  std::string tls_ca_, tls_cert_, tls_key_;
  std::string token_file_;
  int threads_ = 0;
  double timeout_s_ = 0;
};

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_MODEL_CHOICE_H_
