#include "clients/cli/spooled_input.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace strata::cli {
namespace {

// Path of the copy; empty = there is none.
std::string& CopyPath() {
  static std::string path;
  return path;
}

}  // namespace

absl::StatusOr<std::string> SpoolStandardInput(const std::string& argument) {
  if (argument != "-") return argument;
  std::FILE* const copy = std::tmpfile();  // closed by the end of the program
  if (copy == nullptr) return absl::ErrnoToStatus(errno, "standard input: no room for a copy");
  std::vector<char> buffer(std::size_t{1} << 20);
  while (true) {
    const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::ErrnoToStatus(errno, "standard input");
    if (size == 0) break;
    if (std::fwrite(buffer.data(), 1, static_cast<std::size_t>(size), copy) !=
        static_cast<std::size_t>(size)) {
      return absl::ErrnoToStatus(errno, "standard input: the copy cannot be written");
    }
  }
  if (std::fflush(copy) != 0) {
    return absl::ErrnoToStatus(errno, "standard input: the copy cannot be written");
  }
  // Opened anew by this name, it is read from its start each time.
  CopyPath() = absl::StrCat("/proc/self/fd/", ::fileno(copy));
  return CopyPath();
}

std::string NameStandardInput(const std::string& message) {
  if (CopyPath().empty()) return message;
  return absl::StrReplaceAll(message, {{CopyPath(), "standard input"}});
}

}  // namespace strata::cli
