// The commands of `strata`: each file *_command.cc adds one to the command line.
#ifndef STRATA_CLIENTS_CLI_COMMAND_H_
#define STRATA_CLIENTS_CLI_COMMAND_H_

#include <functional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"

namespace strata::cli {

constexpr int kExitOk = 0;
constexpr int kExitError = 1;
constexpr int kExitUsage = 2;

// What the command line asks for: filled while it is parsed, run afterwards.
struct Invocation {
  std::function<int()> run;  // gives the exit code
};

void AddClassifyCommand(CLI::App& app, Invocation& invocation);
void AddBatchCommand(CLI::App& app, Invocation& invocation);
void AddEmbedCommand(CLI::App& app, Invocation& invocation);
void AddSummarizeCommand(CLI::App& app, Invocation& invocation);
void AddInspectCommand(CLI::App& app, Invocation& invocation);
void AddTokenizeCommand(CLI::App& app, Invocation& invocation);
void AddEvalCommand(CLI::App& app, Invocation& invocation);
void AddServeCommand(CLI::App& app, Invocation& invocation);
void AddTrainCommand(CLI::App& app, Invocation& invocation);
void AddMatchCommand(CLI::App& app, Invocation& invocation);
void AddRankCommand(CLI::App& app, Invocation& invocation);
void AddIndexCommand(CLI::App& app, Invocation& invocation);
void AddSearchCommand(CLI::App& app, Invocation& invocation);
void AddConvertCommand(CLI::App& app, Invocation& invocation);
void AddLoadCommand(CLI::App& app, Invocation& invocation);
void AddVerifyCommand(CLI::App& app, Invocation& invocation);

// "strata COMMAND: MESSAGE" on stderr and, with `json`, {"status", "message"} on stdout; gives
// kExitError.
int Fail(const std::string& command, const absl::Status& status, bool json = false);
// The same, with the path in front unless the message names it already, and as "id" in the JSON.
int FailFor(const std::string& command, const std::string& path, const absl::Status& status,
            bool json = false);

// Sends off what was printed and remembers the reason if that failed.
void FlushOutput();
// `exit_code`, unless something that was printed did not arrive: that is said, and kExitError.
int FinishOutput(int exit_code);

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_COMMAND_H_
