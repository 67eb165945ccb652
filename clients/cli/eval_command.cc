#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_format.h"
#include "clients/cli/command.h"
#include "clients/cli/flag_checks.h"
#include "clients/cli/json_output.h"
#include "clients/cli/model_choice.h"
#include "clients/cli/progress.h"
#include "clients/cli/spooled_input.h"
#include "clients/cli/terminal.h"
#include "strata/eval.h"
#include "strata/local.h"

namespace strata::cli {
namespace {

struct EvalArguments {
  std::string file;
  ModelChoice model;
  int num_mixed = 10;
  bool quiet = false;
  bool json = false;
};

// Counts the documents first, so that the time left can be told.
absl::StatusOr<std::pair<std::int64_t, std::int64_t>> CountDocuments(const std::string& path) {
  auto reader = JsonLinesReader::Open(path);
  if (!reader.ok()) return reader.status();
  std::pair<std::int64_t, std::int64_t> count;
  LabelledDocument document;
  while (true) {
    const auto more = (*reader)->Next(document);
    if (!more.ok()) return more.status();
    if (!*more) return count;
    ++count.first;
    count.second += document.document.size_bytes().value_or(0);
  }
}

void PrintReport(const EvalReport& report, int num_mixed) {
  const ClassificationScore& score = report.score;
  std::printf("%-36s %9s %9s %9s %9s\n", "class", "documents", "precision", "recall", "F1");
  for (const ClassScore& one : score.classes) {
    std::printf("%-36s %9s %9.3f %9.3f %9.3f\n", OneLine(one.label, 36).c_str(),
                FormatCount(one.support).c_str(), one.precision, one.recall, one.f1);
  }
  std::vector<std::tuple<std::int64_t, std::string, std::string>> mixed;
  for (std::size_t i = 0; i < score.classes.size(); ++i) {
    for (std::size_t j = 0; j < score.classes.size(); ++j) {
      if (i != j && score.confusion[i][j] > 0) {
        mixed.emplace_back(-score.confusion[i][j], score.classes[i].label, score.classes[j].label);
      }
    }
  }
  std::sort(mixed.begin(), mixed.end());
  if (!mixed.empty() && num_mixed > 0) std::printf("\nMost mixed up\n");
  for (int i = 0; i < std::min<int>(num_mixed, static_cast<int>(mixed.size())); ++i) {
    const auto& [count, truth, predicted] = mixed[i];
    std::printf("%6d  %s taken for %s\n", static_cast<int>(-count), Printable(truth).c_str(),
                Printable(predicted).c_str());
  }
  std::printf("\n%s documents  accuracy %.4f  macro-F1 %.4f  log loss %.4f  %.1f docs/s\n",
              FormatCount(score.num_documents).c_str(), score.accuracy, score.macro_f1,
              score.mean_log_loss, report.seconds > 0 ? score.num_documents / report.seconds : 0.0);
}

int Eval(const EvalArguments& arguments) {
  const auto path = SpoolStandardInput(arguments.file);
  if (!path.ok()) return Fail("eval", path.status(), arguments.json);
  const auto count = CountDocuments(*path);
  if (!count.ok()) return Fail("eval", count.status(), arguments.json);
  const auto client = arguments.model.Connect(arguments.quiet || arguments.json);
  if (!client.ok()) return Fail("eval", client.status(), arguments.json);
  ProgressLine line(arguments.quiet);
  ProgressState state;
  state.total = count->first;
  EvalOptions options;
  options.many.classify.model = arguments.model.model_name();
  if (const auto timeout = arguments.model.timeout(); timeout.has_value()) {
    options.many.document_timeout = *timeout;
  } else if (!arguments.model.remote()) {
    options.many.document_timeout = absl::InfiniteDuration();
  }
  options.progress = [&](const EvalProgress& progress) {
    state.done = progress.documents_done;
    state.bytes_done = progress.bytes_done;
    state.seconds = progress.seconds;
    line.Show(state);
  };
  const auto report = Evaluate(*client, *path, options);
  line.Clear();
  if (!report.ok()) return Fail("eval", report.status(), arguments.json);
  if (arguments.json) {
    Json json = {{"file", arguments.file}, {"model", report->model}};
    json.update(ToJson(report->score));
    json["seconds"] = report->seconds;
    PrintLine(json);
  } else {
    PrintReport(*report, arguments.num_mixed);
  }
  return kExitOk;
}

}  // namespace

void AddEvalCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<EvalArguments>();
  CLI::App& command = *app.add_subcommand("eval", "Scores of a classifier on labelled documents");
  command
      .add_option("FILE", arguments->file,
                  "JSON Lines (also .gz) with \"label\" and \"text\" or \"sections\" on each line; "
                  "- is the "
                  "standard input")
      ->required();
  arguments->model.AddFlags(command);
  command.add_option("--mixed", arguments->num_mixed, "Most mixed-up pairs of classes to show")
      ->check(WholeNumber(0))
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--quiet", arguments->quiet, "No progress");
  command.add_flag("--json", arguments->json, "The scores as one JSON object");
  command.footer(
      "Example:\n"
      "  strata eval --model models/my-classifier --json dev.jsonl.gz");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Eval(*arguments); }; });
}

}  // namespace strata::cli
