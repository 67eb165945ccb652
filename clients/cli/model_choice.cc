#include "clients/cli/model_choice.h"

#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/flag_checks.h"
#include "strata/embedded.h"

namespace strata::cli {
namespace {

constexpr char kDefaultModel[] = "openstax-subjects";

absl::Status ReadWhole(const std::string& path, std::string& content) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::ErrnoToStatus(errno, path);
  content.assign(std::istreambuf_iterator<char>(file), {});
  return absl::OkStatus();
}

}  // namespace

std::string ProgramFolder() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(".") : program.parent_path().string();
}

absl::StatusOr<std::string> DefaultModelFolder() {
  const char* override_folder = std::getenv("STRATA_ZOO");
  const std::filesystem::path zoo =
      override_folder != nullptr && *override_folder != '\0'
          ? std::filesystem::path(override_folder)
          : std::filesystem::path(ProgramFolder()) / ".." / "share" / "strata" / "zoo";
  const std::filesystem::path folder = (zoo / kDefaultModel).lexically_normal();
  std::error_code error;
  if (!std::filesystem::exists(folder / "config.json", error)) {
    return absl::NotFoundError(absl::StrCat(
        "no model was named, and the one that comes with Strata is not at ", folder.string(),
        "; give --model FOLDER or --server HOST:PORT, or set "
        "STRATA_ZOO to the folder that holds ",
        kDefaultModel));
  }
  return folder.string();
}

void TellDefaultModel(const char* what, const std::string& folder, const char* flags) {
  if (::isatty(STDERR_FILENO) != 1) return;
  std::fprintf(stderr, "%s: %s (comes with Strata; %s for another)\n", what,
               std::filesystem::path(folder).filename().c_str(), flags);
}

void ModelChoice::AddFlags(CLI::App& command) {
  command
      .add_option("--model", model_,
                  "Model folder; with --server, the name of a model that is served there")
      ->check(NotEmpty())
      ->type_name("FOLDER");
  command
      .add_option("--dtype", dtype_,
                  "What its matrices are kept as: fp32 (default), bf16 or int8; a service has its "
                  "own")
      ->check(CLI::IsMember({"fp32", "bf16", "int8"}))
      ->type_name("TYPE");
  command.add_option("--server", server_, "A running `strata serve`, instead of this process")
      ->check(NotEmpty())
      ->type_name("HOST:PORT");
  command.add_flag("--tls", tls_, "Connect to it with TLS (implied by the next three)");
  command.add_option("--tls-ca", tls_ca_, "Certificates to trust (default: the system's)")
      ->type_name("FILE");
  command.add_option("--tls-cert", tls_cert_, "Our certificate, for mutual TLS")->type_name("FILE");
  command.add_option("--tls-key", tls_key_, "Its key")->type_name("FILE");
  command
      .add_option("--token-file", token_file_,
                  "Bearer token that the service asks for (default: $STRATA_TOKEN)")
      ->type_name("FILE");
  command.add_option("--threads", threads_, "Threads to compute with (default: all cores)")
      ->check(WholeNumber(0, kMaxThreads))
      ->type_name("N");
  command
      .add_option("--timeout", timeout_s_,
                  "Seconds for one document, retries included (default: 30 with --server, else "
                  "no limit)")
      ->check(NumberThat("of 0 or more", [](double value) { return value >= 0; }))
      ->type_name("S");
}

absl::StatusOr<Client> ModelChoice::Connect(bool quiet, const RetryPolicy& retry) const {
  if (!server_.empty()) return ConnectToServer(retry);
  EmbeddedOptions options;
  options.dtype = dtype_;
  options.compute_threads = threads_;
  std::string folder = model_;
  if (folder.empty()) {
    auto found = DefaultModelFolder();
    if (!found.ok()) return found.status();
    folder = *std::move(found);
    if (!quiet) TellDefaultModel("model", folder, "--model or --server");
  }
  std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  options.models = {{path.filename().string(), folder}};
  return MakeEmbeddedClient(options);
}

absl::StatusOr<Client> ModelChoice::ConnectToServer(const RetryPolicy& retry) const {
  ClientOptions options;
  options.retry = retry;
  options.user_agent = "strata-cli";
  if (tls_ || !tls_ca_.empty() || !tls_cert_.empty() || !tls_key_.empty()) {
    TlsOptions& tls = options.tls.emplace();
    const std::pair<const std::string&, std::string&> files[] = {
        {tls_ca_, tls.root_certificates},
        {tls_cert_, tls.client_certificate},
        {tls_key_, tls.client_key}};
    for (const auto& [path, content] : files) {
      if (path.empty()) continue;
      if (absl::Status status = ReadWhole(path, content); !status.ok()) return status;
    }
  }
  std::string token;
  if (!token_file_.empty()) {
    if (absl::Status status = ReadWhole(token_file_, token); !status.ok()) return status;
  } else if (const char* const value = std::getenv("STRATA_TOKEN"); value != nullptr) {
    token = value;
  }
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back()))) token.pop_back();
  if (!token.empty()) options.metadata.emplace_back("authorization", "Bearer " + token);
  return Client::Connect(server_, options);
}

std::optional<absl::Duration> ModelChoice::timeout() const {
  if (timeout_s_ > 0) return absl::Seconds(timeout_s_);
  return std::nullopt;
}

}  // namespace strata::cli
