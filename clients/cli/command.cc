#include "clients/cli/command.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "clients/cli/json_output.h"
#include "clients/cli/spooled_input.h"
#include "clients/cli/terminal.h"

namespace strata::cli {
namespace {

// Of the first write to stdout that failed.
int output_error = 0;

void Say(const std::string& command, const absl::Status& status) {
  FlushOutput();
  std::string message = absl::StrReplaceAll(NameStandardInput(std::string(status.message())),
                                            {{"raise the limit or allow the document to be cut",
                                              "raise --max-tokens or give --truncate"}});
  if (absl::IsDeadlineExceeded(status)) message += "; --timeout gives it longer";
  std::fprintf(stderr, "strata %s: %s\n", command.c_str(), Printable(message).c_str());
}

}  // namespace

int Fail(const std::string& command, const absl::Status& status, bool json) {
  if (json) PrintLine(ErrorToJson(status));
  Say(command, status);
  return kExitError;
}

int FailFor(const std::string& command, const std::string& path, const absl::Status& status,
            bool json) {
  if (json) PrintLine(ErrorToJson(path, status));
  const std::string message(status.message());
  const bool named = message.find(path) != std::string::npos;
  Say(command, named ? status : absl::Status(status.code(), absl::StrCat(path, ": ", message)));
  return kExitError;
}

void FlushOutput() {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (failed && errno == 0) {  // a full buffer was written before, and why that failed is forgotten
    std::clearerr(stdout);
    if (std::fputc('\n', stdout) == EOF || std::fflush(stdout) != 0) output_error = errno;
  }
  if (failed && output_error == 0) output_error = errno != 0 ? errno : EIO;
}

int FinishOutput(int exit_code) {
  FlushOutput();
  if (output_error == 0) return exit_code;
  std::fprintf(stderr, "strata: the standard output cannot be written: %s\n",
               std::strerror(output_error));
  return exit_code == kExitOk ? kExitError : exit_code;
}

}  // namespace strata::cli
