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
#include "clients/cli/flag_checks.h"
#include "clients/cli/json_output.h"
#include "clients/cli/model_choice.h"
#include "clients/cli/terminal.h"

namespace strata::cli {
namespace {

struct ClassifyArguments {
  std::vector<std::string> files;
  ModelChoice model;
  FormatChoice format;
  int top_k = -1;  // all in JSON, 3 else
  bool explain = false;
  bool no_explain = false;
  int num_parts = 3;
  std::int64_t max_tokens = 0;
  bool truncate = false;
  bool events = false;
  SoundEventOptions event_options;
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

void PrintEvent(const SoundEvent& event) {
  std::printf("  %9.2f s to %9.2f s  %5.1f %%  %s\n", event.begin_s, event.end_s,
              100.0 * event.peak, Printable(event.label).c_str());
  FlushOutput();
}

// Each sentence or section with its label, and where it stands.
void PrintLabelled(const std::vector<LabelledNode>& nodes) {
  for (const LabelledNode& node : nodes) {
    if (node.labels.empty()) continue;
    const std::string text = OneLine(node.text, 48);
    std::printf("  %-16s %5.1f %%  %s  bytes %s to %s\n", OneLine(node.labels[0].label, 16).c_str(),
                100.0 * node.labels[0].probability, text.empty() ? "(no heading)" : text.c_str(),
                FormatCount(node.source.begin).c_str(), FormatCount(node.source.end).c_str());
  }
  if (nodes.empty()) return;
  std::printf(
      "  Share of %s\n",
      Counted(static_cast<std::int64_t>(nodes.size()), NodeKindName(nodes[0].kind)).c_str());
}

void PrintResult(const ClassifyResult& result, const ClassifyArguments& arguments) {
  std::printf("%s\n", Printable(result.id).c_str());
  PrintLabelled(result.labelled_nodes);
  for (const LabelScore& label : result.labels) {
    std::printf("  %s %5.1f %%  %s\n", Bar(label.probability, 20).c_str(),
                100.0 * label.probability, Printable(label.label).c_str());
  }
  PrintParts("Sections that counted most for it", result.sections, arguments.num_parts);
  PrintParts("Sentences that counted most for it", result.sentences, arguments.num_parts);
  if (result.tokens.num_words_seen > 0) {  // images and sounds have none
    std::printf("  %s tokens read%s, ", FormatCount(result.tokens.num_words_kept).c_str(),
                result.tokens.num_words_kept < result.tokens.num_words_seen
                    ? absl::StrCat(" of ", FormatCount(result.tokens.num_words_seen)).c_str()
                    : "");
  } else if (result.tokens.seconds > 0) {
    std::printf("  %.2f s heard, ", result.tokens.seconds);
  } else {
    std::printf("  ");
  }
  std::printf("%.0f ms\n\n", absl::ToDoubleMilliseconds(result.timings.total));
  FlushOutput();
}

int Classify(const ClassifyArguments& arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail("classify", format.status(), arguments.json);
  const auto client = arguments.model.Connect(arguments.json);
  if (!client.ok()) return Fail("classify", client.status(), arguments.json);

  ClassifyOptions options;
  options.model = arguments.model.model_name();
  options.top_k = arguments.top_k >= 0 ? arguments.top_k : arguments.json ? 0 : 3;
  options.explain = arguments.explain || (!arguments.json && !arguments.no_explain);
  options.max_tokens = arguments.max_tokens;
  options.truncation = arguments.truncate ? Truncation::kKeepHead : Truncation::kReject;
  options.timeout = arguments.model.timeout();
  if (arguments.events) options.events = arguments.event_options;
  if (arguments.events && !arguments.json) options.on_event = PrintEvent;

  int exit_code = kExitOk;
  absl::Status unavailable;
  for (const std::string& file : arguments.files) {
    // A service that is not there would be waited for once more with every document.
    const auto result = unavailable.ok() ? client->Classify(OpenArgument(file, *format), options)
                                         : absl::StatusOr<ClassifyResult>(unavailable);
    if (!result.ok()) {
      exit_code = FailFor("classify", file, result.status(), arguments.json);
      if (absl::IsUnavailable(result.status())) {
        unavailable = absl::UnavailableError("not tried, for the same reason");
      }
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
  command
      .add_option("FILE", arguments->files,
                  "Documents, images or sounds, as the model reads; - is the standard input")
      ->required();
  arguments->model.AddFlags(command);
  arguments->format.AddFlag(command);
  command
      .add_option("--top-k", arguments->top_k,
                  "Best labels to show; 0 = all (default: 3; JSON: all)")
      ->check(WholeNumber(0))
      ->type_name("N");
  CLI::Option* const explain = command.add_flag(
      "--explain", arguments->explain, "Also say what counted (the default unless --json)");
  command.add_flag("--no-explain", arguments->no_explain, "Only the classes")->excludes(explain);
  command.add_option("--parts", arguments->num_parts, "Sections and sentences to show")
      ->check(WholeNumber(0))
      ->capture_default_str()
      ->type_name("N");
  AddLengthFlags(command, arguments->max_tokens, arguments->truncate);
  CLI::Option* const events = command.add_flag(
      "--events", arguments->events, "Of sounds: also what is heard when, told as it ends");
  command
      .add_option("--threshold", arguments->event_options.threshold,
                  "A class is heard where its score reaches this")
      ->check(CLI::Range(0.0, 1.0))
      ->needs(events)
      ->capture_default_str()
      ->type_name("P");
  const auto seconds = [&](const char* name, double& value, const char* help) {
    command.add_option(name, value, help)
        ->check(CLI::NonNegativeNumber)
        ->needs(events)
        ->capture_default_str()
        ->type_name("S");
  };
  seconds("--max-pause", arguments->event_options.max_pause_s,
          "Shorter pauses do not end an event");
  seconds("--min-event", arguments->event_options.min_event_s, "Shorter events are not told");
  seconds("--overlap", arguments->event_options.overlap_s,
          "Shared by neighbouring windows of the sound");
  command.add_flag("--json", arguments->json, "One JSON object a document, on one line");
  command.footer(
      "Examples:\n"
      "  strata classify notes.md paper.html\n"
      "  strata classify --server localhost:50051 --json --top-k 1 paper.xml\n"
      "  strata classify --model FOLDER --events talk.flac\n"
      "  curl -s https://example.org | strata classify --format html -");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Classify(*arguments); }; });
}

}  // namespace strata::cli
