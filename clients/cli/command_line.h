// Reads the command line and says what is wrong with it: a word that is no command or flag is
// named, with the one that was probably meant.
#ifndef STRATA_CLIENTS_CLI_COMMAND_LINE_H_
#define STRATA_CLIENTS_CLI_COMMAND_LINE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"

namespace strata::cli {

// Fills what the app's options are bound to. A value: the program should end with this exit code,
// everything is said (help, version, a wrong command line). Help texts are wrapped to 80 columns.
std::optional<int> ParseCommandLine(CLI::App& app, std::vector<std::string> arguments);

// The candidate that is nearest to `word` in letters changed, added, left out or exchanged; empty
// if none is near.
std::string NearestWord(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_COMMAND_LINE_H_
