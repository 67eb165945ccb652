#include "clients/cli/command_line.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/command.h"
#include "clients/cli/terminal.h"

namespace strata::cli {
namespace {

constexpr std::size_t kColumns = 80;

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> FlagNames(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Options' descriptions stand right of the names' column.
void WrapOptions(CLI::App& app) {
  const std::size_t columns = kColumns - app.get_formatter()->get_column_width();
  for (CLI::Option* option : app.get_options()) {
    option->description(Wrap(option->get_description(), columns));
  }
}

void WrapHelp(CLI::App& app, CLI::App* command) {
  WrapOptions(app);
  if (command != nullptr) {
    WrapOptions(*command);
    command->description(Wrap(command->get_description(), kColumns));
    return;
  }
  const std::size_t columns = kColumns - app.get_formatter()->get_column_width();
  for (CLI::App* each : app.get_subcommands(nullptr)) {
    each->description(Wrap(each->get_description(), columns));
  }
}

int Refuse(const std::string& program, const std::string& message) {
  std::fprintf(stderr, "%s: %s\n`%s --help` says more.\n", program.c_str(),
               Printable(message).c_str(), program.c_str());
  return kExitUsage;
}

std::string Meant(const std::string& nearest) {
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?");
}

// The first of `arguments` that looks like a long flag and is none of the command's; empty if all
// are known.
std::string UnknownFlag(const CLI::App& command, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument.rfind("--", 0) != 0) continue;
    const std::string name = argument.substr(0, argument.find('='));
    if (command.get_option_no_throw(name) == nullptr) return name;
  }
  return "";
}

}  // namespace

std::optional<int> ParseCommandLine(CLI::App& app, std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments[0] == "help") {
    arguments.erase(arguments.begin());
    arguments.resize(std::min<std::size_t>(arguments.size(), 1));
    arguments.push_back("--help");
  }
  if (arguments.empty()) return Refuse("strata", "no command is given");
  const std::string& first = arguments[0];
  CLI::App* command = nullptr;
  if (first.rfind('-', 0) != 0) {
    const std::vector<CLI::App*> named =
        app.get_subcommands([&first](const CLI::App* each) { return each->get_name() == first; });
    if (!named.empty()) command = named.front();
    if (command == nullptr) {
      return Refuse("strata", absl::StrCat("there is no command '", first, "'",
                                           Meant(NearestWord(first, CommandNames(app)))));
    }
  }
  WrapHelp(app, command);
  const std::string program =
      command == nullptr ? "strata" : absl::StrCat("strata ", command->get_name());
  // A command that hands its arguments on knows their names itself.
  const bool hands_on = command != nullptr && command->get_prefix_command();
  if (!hands_on) {
    const CLI::App& reader = command == nullptr ? app : *command;
    const std::string unknown = UnknownFlag(reader, arguments);
    if (!unknown.empty()) {
      return Refuse(program, absl::StrCat("there is no flag ", unknown,
                                          Meant(NearestWord(unknown, FlagNames(reader)))));
    }
  }
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(std::move(arguments));
  } catch (const CLI::ExtrasError& error) {
    const std::vector<std::string> extra =
        command == nullptr ? app.remaining() : command->remaining();
    if (extra.empty()) return Refuse(program, error.what());
    return Refuse(program, absl::StrCat("'", extra.front(), "' is one argument too many"));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // help, version
      app.exit(error);
      return kExitOk;
    }
    return Refuse(program, error.what());
  }
  return std::nullopt;
}

std::string NearestWord(std::string_view word, const std::vector<std::string>& candidates) {
  std::string nearest;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    // Three rows of the table of Levenshtein distances, with neighbours exchanged as one change.
    std::vector<std::size_t> above(candidate.size() + 1), row(candidate.size() + 1), next(row);
    for (std::size_t j = 0; j <= candidate.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      next[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t change = word[i - 1] == candidate[j - 1] ? 0 : 1;
        next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + change});
        if (i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1]) {
          next[j] = std::min(next[j], above[j - 2] + 1);
        }
      }
      above = std::exchange(row, next);
    }
    if (row.back() < least) {
      least = row.back();
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace strata::cli
