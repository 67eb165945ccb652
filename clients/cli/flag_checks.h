// What values a flag takes, said in a few words where it is given another one.
#ifndef STRATA_CLIENTS_CLI_FLAG_CHECKS_H_
#define STRATA_CLIENTS_CLI_FLAG_CHECKS_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "CLI/CLI.hpp"

namespace strata::cli {

// A whole number of `lowest` to `highest`.
CLI::Validator WholeNumber(std::int64_t lowest,
                           std::int64_t highest = std::numeric_limits<std::int32_t>::max());
// A number that `holds`; `range` says so in words: "above 0".
CLI::Validator NumberThat(const std::string& range, std::function<bool(double)> holds);
// Any text but none: an empty one is mostly a shell variable that is not set.
CLI::Validator NotEmpty();

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_FLAG_CHECKS_H_
