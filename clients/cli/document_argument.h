// A document named on the command line: a file, or "-" for the standard input.
#ifndef STRATA_CLIENTS_CLI_DOCUMENT_ARGUMENT_H_
#define STRATA_CLIENTS_CLI_DOCUMENT_ARGUMENT_H_

#include <cstdint>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "strata/document.h"

namespace strata::cli {

// The flag --format.
class FormatChoice {
 public:
  void AddFlag(CLI::App& command);
  absl::StatusOr<DocumentFormat> Get() const;
  const std::string& name() const { return name_; }

 private:
  std::string name_ = "auto";
};

// The flags --max-tokens and --truncate.
void AddLengthFlags(CLI::App& command, std::int64_t& max_tokens, bool& truncate);

DocumentInput OpenArgument(const std::string& argument, DocumentFormat format);

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_DOCUMENT_ARGUMENT_H_
