// strata: the command line on the public SDK.
#include <csignal>
#include <optional>
#include <string>

#include "clients/cli/command.h"
#include "clients/cli/command_line.h"
#include "strata/export.h"

namespace strata::cli {

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // `strata ... | head` ends quietly
  CLI::App app("Classifies, embeds and summarizes whole documents with hierarchical models.",
               "strata");
  app.set_version_flag("--version", std::string("strata ") + Version());
  app.require_subcommand(1);
  app.footer(
      "Start with:\n"
      "  strata classify notes.md            the class, and the parts that counted most\n"
      "  strata inspect notes.md             the structure that was found\n"
      "  strata COMMAND --help               more about one command\n"
      "Without --model or --server the model that comes with Strata is used.\n"
      "Exit codes: 0 all went well, 1 something failed (see stderr), 2 wrong command line.");
  Invocation invocation;
  AddClassifyCommand(app, invocation);
  AddBatchCommand(app, invocation);
  AddEmbedCommand(app, invocation);
  AddSummarizeCommand(app, invocation);
  AddInspectCommand(app, invocation);
  AddTokenizeCommand(app, invocation);
  AddEvalCommand(app, invocation);
  AddServeCommand(app, invocation);
  AddTrainCommand(app, invocation);
  AddMatchCommand(app, invocation);
  AddRankCommand(app, invocation);
  AddIndexCommand(app, invocation);
  AddSearchCommand(app, invocation);
  AddConvertCommand(app, invocation);
  AddLoadCommand(app, invocation);
  AddVerifyCommand(app, invocation);
  const std::optional<int> ended = ParseCommandLine(app, {argv + 1, argv + argc});
  return FinishOutput(ended.has_value() ? *ended : invocation.run());
}

}  // namespace strata::cli

int main(int argc, char** argv) { return strata::cli::Main(argc, argv); }
