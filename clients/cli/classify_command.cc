#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/command.h"
#include "clients/cli/document_argument.h"
#include "clients/cli/json_output.h"
#include "clients/cli/model_choice.h"
#include "clients/cli/terminal.h"

namespace strata::cli {
namespace {

struct ClassifyArguments {
  std::vector<std::string> files;
  ModelChoice model;
  FormatChoice format;
  int top_k = 0;
  bool explain = false;
  bool no_explain = false;
  int num_parts = 3;
  std::int64_t max_tokens = 0;
  bool truncate = false;
  bool json = false;
};

// The parts that counted most for the label, best first; none that spoke against it.
std::vector<NodeContribution> MostFor(std::vector<NodeContribution> nodes, int count) {
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const auto& a, const auto& b) { return a.contribution > b.contribution; });
  while (!nodes.empty() &&
         (static_cast<int>(nodes.size()) > count || nodes.back().contribution <= 0)) {
    nodes.pop_back();
  }
  return nodes;
}

void PrintParts(const char* title, const std::vector<NodeContribution>& nodes, int count) {
  const std::vector<NodeContribution> most = MostFor(nodes, count);
  if (most.empty()) return;
  std::printf("  %s\n", title);
  for (const NodeContribution& node : most) {
    const std::string text = OneLine(node.text, 76);
    std::printf("    %+7.2f  %s\n             bytes %s to %s\n", node.contribution,
                text.empty() ? "(no heading)" : text.c_str(),
                FormatCount(node.source.begin).c_str(), FormatCount(node.source.end).c_str());
  }
}

void PrintResult(const ClassifyResult& result, const ClassifyArguments& arguments) {
  std::printf("%s\n", result.id.c_str());
  const int shown = arguments.top_k > 0 ? arguments.top_k : 3;
  for (int i = 0; i < std::min<int>(shown, static_cast<int>(result.labels.size())); ++i) {
    const LabelScore& label = result.labels[i];
    std::printf("  %s %5.1f %%  %s\n", Bar(label.probability, 20).c_str(),
                100.0 * label.probability, label.label.c_str());
  }
  PrintParts("Sections that counted most for it", result.sections, arguments.num_parts);
  PrintParts("Sentences that counted most for it", result.sentences, arguments.num_parts);
  std::printf("  %s tokens read%s, %.0f ms\n\n", FormatCount(result.tokens.num_words_kept).c_str(),
              result.tokens.num_words_kept < result.tokens.num_words_seen
                  ? absl::StrCat(" of ", FormatCount(result.tokens.num_words_seen)).c_str()
                  : "",
              absl::ToDoubleMilliseconds(result.timings.total));
  std::fflush(stdout);
}

int Classify(const ClassifyArguments& arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail("classify", format.status());
  const auto client = arguments.model.Connect();
  if (!client.ok()) return Fail("classify", client.status());

  ClassifyOptions options;
  options.model = arguments.model.model_name();
  options.top_k = arguments.top_k;
  options.explain = arguments.explain || (!arguments.json && !arguments.no_explain);
  options.max_tokens = arguments.max_tokens;
  options.truncation = arguments.truncate ? Truncation::kKeepHead : Truncation::kReject;
  options.timeout = arguments.model.timeout();

  int exit_code = kExitOk;
  for (const std::string& file : arguments.files) {
    const auto result = client->Classify(OpenArgument(file, *format), options);
    if (!result.ok()) {
      if (arguments.json) PrintLine(ErrorToJson(file, result.status()));
      exit_code = FailFor("classify", file, result.status());
    } else if (arguments.json) {
      PrintLine(ToJson(*result));
    } else {
      PrintResult(*result, arguments);
    }
  }
  return exit_code;
}

}  // namespace

void AddClassifyCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<ClassifyArguments>();
  CLI::App& command =
      *app.add_subcommand("classify", "The class of each document, and what counted most for it");
  command.add_option("FILE", arguments->files, "Documents; - is the standard input")->required();
  arguments->model.AddFlags(command);
  arguments->format.AddFlag(command);
  command.add_option("--top-k", arguments->top_k, "Best labels to show (default: 3; JSON: all)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command.add_flag("--explain", arguments->explain,
                   "Also say what counted (the default unless --json)");
  command.add_flag("--no-explain", arguments->no_explain, "Only the classes");
  command.add_option("--parts", arguments->num_parts, "Sections and sentences to show")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("N");
  command.add_option("--max-tokens", arguments->max_tokens, "Refuse a longer document")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command.add_flag("--truncate", arguments->truncate, "Read the head of a longer one instead");
  command.add_flag("--json", arguments->json, "One JSON object a document, on one line");
  command.footer(
      "Examples:\n"
      "  strata classify notes.md paper.html\n"
      "  strata classify --server localhost:50051 --json --top-k 1 paper.xml\n"
      "  curl -s https://example.org | strata classify --format html -");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Classify(*arguments); }; });
}

}  // namespace strata::cli
