// A file argument that is read more than once, where "-" is the standard input.
#ifndef STRATA_CLIENTS_CLI_SPOOLED_INPUT_H_
#define STRATA_CLIENTS_CLI_SPOOLED_INPUT_H_

#include <string>

#include "absl/status/statusor.h"

namespace strata::cli {

// `argument` itself, or for "-" the path of a copy of the standard input, which has no name on the
// disk and goes when the program ends. Call once.
absl::StatusOr<std::string> SpoolStandardInput(const std::string& argument);

// `message` with that copy called by its name: "standard input".
std::string NameStandardInput(const std::string& message);

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_SPOOLED_INPUT_H_
