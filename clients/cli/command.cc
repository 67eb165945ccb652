#include "clients/cli/command.h"

#include <cstdio>

#include "absl/strings/str_cat.h"

namespace strata::cli {

int Fail(const std::string& command, const absl::Status& status) {
  std::fflush(stdout);
  std::fprintf(stderr, "strata %s: %s\n", command.c_str(), std::string(status.message()).c_str());
  return kExitError;
}

int FailFor(const std::string& command, const std::string& path, const absl::Status& status) {
  const std::string message(status.message());
  if (message.find(path) != std::string::npos) return Fail(command, status);
  return Fail(command, absl::Status(status.code(), absl::StrCat(path, ": ", message)));
}

}  // namespace strata::cli
