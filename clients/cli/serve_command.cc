#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/command.h"
#include "clients/cli/model_choice.h"

namespace strata::cli {
namespace {

bool Names(const std::string& argument, const std::string& flag) {
  return argument == flag || argument.rfind(flag + "=", 0) == 0;
}

// Becomes strata-server, which stands beside this program.
int Serve(std::vector<std::string> arguments) {
  const std::string program = ProgramFolder() + "/strata-server";
  const bool needs_model =
      std::getenv("STRATA_MODEL") == nullptr && std::getenv("STRATA_REPOSITORY") == nullptr &&
      std::none_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
        return Names(argument, "--model") || Names(argument, "--repository") ||
               Names(argument, "--config") || argument == "--help" || argument == "-h";
      });
  if (needs_model) {
    auto folder = DefaultModelFolder();
    if (!folder.ok()) return Fail("serve", folder.status());
    TellDefaultModel("model", *folder, "--model");
    arguments.push_back("--model");
    arguments.push_back(*std::move(folder));
  }
  // The name under which the server speaks of itself.
  std::string name = "strata serve";
  std::vector<char*> argv = {name.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  return Fail("serve", absl::NotFoundError(absl::StrCat(program, ": ", std::strerror(errno))));
}

}  // namespace

void AddServeCommand(CLI::App& app, Invocation& invocation) {
  CLI::App& command = *app.add_subcommand(
      "serve", "Serves models over gRPC; `strata serve --help` lists the flags of the server");
  command.set_help_flag();  // the server's own help is shown
  command.prefix_command();
  command.callback([&command, &invocation] {
    invocation.run = [arguments = command.remaining()] { return Serve(arguments); };
  });
}

}  // namespace strata::cli
