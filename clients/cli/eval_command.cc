#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_format.h"
#include "clients/cli/command.h"
#include "clients/cli/eval_summaries.h"
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
  std::string task = "labels";
  SummarizeOptions summarize;
  ModelChoice model;
  int num_mixed = 10;
  bool quiet = false;
  bool json = false;
};

// Counts the documents first, so that the time left can be told.
absl::StatusOr<std::pair<std::int64_t, std::int64_t>> CountDocuments(const std::string& path) {
  auto reader = OpenLabelledDocuments(path);
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

// Rows: the truth; columns: the answers, in the same order. Only where it fits a terminal.
void PrintConfusion(const ClassificationScore& score) {
  constexpr std::size_t kMostClasses = 10;
  if (score.classes.size() > kMostClasses) return;
  std::printf("\nTruth in rows, answers in columns\n%-18s", "");
  for (const ClassScore& one : score.classes) {
    std::printf(" %6s", OneLine(one.label, 6).c_str());
  }
  std::printf("\n");
  for (std::size_t i = 0; i < score.classes.size(); ++i) {
    std::printf("%-18s", OneLine(score.classes[i].label, 18).c_str());
    for (const std::int64_t count : score.confusion[i]) {
      std::printf(" %6s", FormatCount(count).c_str());
    }
    std::printf("\n");
  }
}

std::string WithInterval(double score, const ScoreInterval& interval) {
  return absl::StrFormat("%.4f [%.4f, %.4f]", score, interval.low, interval.high);
}

void PrintReport(const EvalReport& report, int num_mixed) {
  const ClassificationScore& score = report.score;
  std::printf("%-36s %9s %9s %9s %9s\n", "class", "labels", "precision", "recall", "F1");
  for (const ClassScore& one : score.classes) {
    std::printf("%-36s %9s %9.3f %9.3f %9.3f\n", OneLine(one.label, 36).c_str(),
                FormatCount(one.support).c_str(), one.precision, one.recall, one.f1);
  }
  PrintConfusion(score);
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
  std::printf("\n%s, %s; in brackets: 95 of 100 such sets of documents\n",
              Counted(score.num_documents, "document").c_str(),
              Counted(score.num_labels, "label").c_str());
  std::printf("accuracy %s  macro-F1 %s  log loss %.4f  %.1f docs/s\n",
              WithInterval(score.accuracy, score.accuracy_interval).c_str(),
              WithInterval(score.macro_f1, score.macro_f1_interval).c_str(), score.mean_log_loss,
              report.seconds > 0 ? score.num_documents / report.seconds : 0.0);
}

int EvalSummaries(const EvalArguments& arguments, const Client& client, const std::string& path,
                  ProgressLine& line, ProgressState state) {
  SummaryEvalOptions options;
  options.summarize = arguments.summarize;
  options.summarize.model = arguments.model.model_name();
  options.summarize.timeout = arguments.model.timeout();
  options.progress = [&](const EvalProgress& progress) {
    state.done = progress.documents_done;
    state.bytes_done = progress.bytes_done;
    state.seconds = progress.seconds;
    line.Show(state);
  };
  const auto report = EvaluateSummaries(client, path, options);
  line.Clear();
  if (!report.ok()) return Fail("eval", report.status(), arguments.json);
  if (arguments.json) {
    Json json = {{"file", arguments.file}};
    json.update(ToJson(*report));
    PrintLine(json);
  } else {
    PrintSummaryReport(*report);
  }
  return kExitOk;
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
  if (arguments.task == "summaries") {
    return EvalSummaries(arguments, *client, *path, line, state);
  }
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
  CLI::App& command = *app.add_subcommand(
      "eval", "Scores of a classifier on labelled documents, images or sounds, or of summaries");
  command
      .add_option(
          "FILE", arguments->file,
          "JSON Lines (also .gz) with \"label\" (or \"labels\", for a model of sentences or "
          "sections) and \"text\", \"sentences\" or \"sections\" on each line; - is the "
          "standard input. Or, for images, sounds or other files, FILE.csv with the columns path "
          "and label")
      ->required();
  arguments->model.AddFlags(command);
  command
      .add_option(
          "--task", arguments->task,
          "labels: fields \"label\" or \"labels\" on each line; summaries: field \"summary\", "
          "scored by ROUGE")
      ->check(CLI::IsMember({"labels", "summaries"}))
      ->capture_default_str()
      ->type_name("NAME");
  SummarizeOptions& summarize = arguments->summarize;
  const std::string group = "Summaries";
  command.add_option("--max-words", summarize.max_words, "Extractive: most words in all")
      ->check(WholeNumber(0))
      ->type_name("N")
      ->group(group);
  command
      .add_option("--max-sentences", summarize.max_sentences,
                  "Extractive: most sentences (default: 3, or any with --max-words)")
      ->check(WholeNumber(0))
      ->type_name("N")
      ->group(group);
  command
      .add_option("--max-similarity", summarize.max_similarity,
                  "Extractive: leave out a sentence more like one already taken, 0 to 1")
      ->check(NumberThat("0 to 1", [](double x) { return x >= 0 && x <= 1; }))
      ->capture_default_str()
      ->type_name("X")
      ->group(group);
  command.add_option("--mixed", arguments->num_mixed, "Most mixed-up pairs of classes to show")
      ->check(WholeNumber(0))
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--quiet", arguments->quiet, "No progress");
  command.add_flag("--json", arguments->json, "The scores as one JSON object");
  command.footer(
      "Examples:\n"
      "  strata eval --model models/my-classifier --json dev.jsonl.gz\n"
      "  strata eval --model models/my-images dev.csv\n"
      "  strata eval --task summaries --max-sentences 5 papers.jsonl.gz");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Eval(*arguments); }; });
}

}  // namespace strata::cli
