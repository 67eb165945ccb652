#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/command.h"
#include "clients/cli/document_argument.h"
#include "clients/cli/flag_checks.h"
#include "clients/cli/json_output.h"
#include "clients/cli/model_choice.h"
#include "clients/cli/terminal.h"

namespace strata::cli {
namespace {

struct SummarizeArguments {
  std::vector<std::string> files;
  ModelChoice model;
  FormatChoice format;
  std::string method = "auto";
  SummarizeOptions options;
  int num_sources = 5;
  bool truncate = false;
  bool json = false;
};

void PrintSources(const SummarizeResult& result, int count) {
  std::vector<SummarySource> sources = result.sources;
  std::stable_sort(sources.begin(), sources.end(),
                   [](const auto& a, const auto& b) { return a.weight > b.weight; });
  if (static_cast<int>(sources.size()) > count) sources.resize(static_cast<std::size_t>(count));
  if (sources.empty()) return;
  std::printf("  %s\n", result.method == SummaryMethod::kExtractive ? "Sentences taken, by weight"
                                                                    : "Sentences it read the most");
  for (const SummarySource& source : sources) {
    std::printf("    %5.1f %%  %s\n             bytes %s to %s\n", 100.0 * source.weight,
                OneLine(source.text, 76).c_str(), FormatCount(source.source.begin).c_str(),
                FormatCount(source.source.end).c_str());
  }
}

void PrintEnd(const SummarizeResult& result, int num_sources) {
  std::printf("\n\n");
  PrintSources(result, num_sources);
  const std::string written =
      result.method == SummaryMethod::kAbstractive
          ? absl::StrCat(", ", FormatCount(result.num_new_tokens), " written",
                         result.is_complete ? "" : " (cut at the limit)")
          : absl::StrCat(", ", result.sources.size(),
                         result.sources.size() == 1 ? " sentence taken" : " sentences taken");
  std::printf("  %s tokens read%s%s, %.0f ms\n\n",
              FormatCount(result.tokens.num_words_kept).c_str(),
              result.tokens.num_words_kept < result.tokens.num_words_seen
                  ? absl::StrCat(" of ", FormatCount(result.tokens.num_words_seen)).c_str()
                  : "",
              written.c_str(), absl::ToDoubleMilliseconds(result.timings.total));
  FlushOutput();
}

int Summarize(const SummarizeArguments& arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail("summarize", format.status(), arguments.json);
  const auto client = arguments.model.Connect(arguments.json);
  if (!client.ok()) return Fail("summarize", client.status(), arguments.json);

  SummarizeOptions options = arguments.options;
  options.model = arguments.model.model_name();
  options.method = arguments.method == "extractive"    ? SummaryMethod::kExtractive
                   : arguments.method == "abstractive" ? SummaryMethod::kAbstractive
                                                       : SummaryMethod::kAuto;
  options.truncation = arguments.truncate ? Truncation::kKeepHead : Truncation::kReject;
  options.timeout = arguments.model.timeout();

  int exit_code = kExitOk;
  absl::Status unavailable;
  for (const std::string& file : arguments.files) {
    TextCallback on_text;
    bool begun = false;
    if (!arguments.json) {
      on_text = [&](const std::string& part) {
        if (!begun) std::printf("%s\n  ", Printable(file).c_str());
        begun = true;
        std::fputs(Folded(part).c_str(), stdout);
        FlushOutput();
        return std::ferror(stdout) == 0;
      };
    }
    // A service that is not there would be waited for once more with every document.
    const auto result = unavailable.ok()
                            ? client->Summarize(OpenArgument(file, *format), options, on_text)
                            : absl::StatusOr<SummarizeResult>(unavailable);
    if (!result.ok()) {
      if (begun) std::printf("\n");
      exit_code = FailFor("summarize", file, result.status(), arguments.json);
      if (absl::IsUnavailable(result.status())) {
        unavailable = absl::UnavailableError("not tried, for the same reason");
      }
    } else if (arguments.json) {
      PrintLine(ToJson(*result));
    } else {
      if (!begun) on_text("");
      PrintEnd(*result, arguments.num_sources);
    }
  }
  return exit_code;
}

void AddWritingFlags(CLI::App& command, WritingOptions& writing) {
  const std::string group = "Abstractive (else as the model's own settings say)";
  const auto whole = [&](const char* name, std::optional<std::int32_t>& value, const char* what) {
    command.add_option(name, value, what)->check(WholeNumber(0))->type_name("N")->group(group);
  };
  const auto number = [&](const char* name, std::optional<double>& value, const char* what) {
    command.add_option(name, value, what)->type_name("X")->group(group);
  };
  whole("--max-new-tokens", writing.max_new_tokens, "Most tokens written");
  whole("--min-new-tokens", writing.min_new_tokens, "Least tokens written");
  whole("--beams", writing.num_beams, "1: token by token; more: the best of so many");
  whole("--no-repeat-ngram", writing.no_repeat_ngram_size, "No run of N tokens twice");
  number("--length-penalty", writing.length_penalty, "Beams: score / length^X");
  number("--repetition-penalty", writing.repetition_penalty, "Above 1: fewer repeated tokens");
  command.add_flag("--sample", writing.sample, "Draw tokens instead of taking the best")
      ->group(group);
  number("--temperature", writing.temperature, "Above 1 flattens what is drawn from");
  number("--top-p", writing.top_p, "Draw from the likeliest of this share");
  whole("--top-k", writing.top_k, "Draw from the N likeliest; 0: all");
  command.add_option("--seed", writing.seed, "The same seed draws the same text")
      ->type_name("N")
      ->group(group);
}

}  // namespace

void AddSummarizeCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<SummarizeArguments>();
  CLI::App& command = *app.add_subcommand(
      "summarize", "A summary of each document, with the sentences that it rests on");
  command.add_option("FILE", arguments->files, "Documents; - is the standard input")->required();
  arguments->model.AddFlags(command);
  arguments->format.AddFlag(command);
  SummarizeOptions& options = arguments->options;
  command
      .add_option("--method", arguments->method,
                  "extractive: sentences of the document; abstractive: written by the model; auto: "
                  "as the model can")
      ->check(CLI::IsMember({"auto", "extractive", "abstractive"}))
      ->capture_default_str();
  command
      .add_option("--max-words", options.max_words, "Extractive: most words in all (default: any)")
      ->check(WholeNumber(0))
      ->type_name("N");
  command
      .add_option("--max-sentences", options.max_sentences,
                  "Extractive: most sentences (default: 3, or any with --max-words)")
      ->check(WholeNumber(0))
      ->type_name("N");
  command
      .add_option("--max-similarity", options.max_similarity,
                  "Extractive: leave out a sentence more like one already taken, 0 to 1")
      ->check(NumberThat("0 to 1", [](double x) { return x >= 0 && x <= 1; }))
      ->capture_default_str()
      ->type_name("X");
  AddWritingFlags(command, options.writing);
  command
      .add_option("--query", options.query,
                  "Text in front that the document's anchors see: a question, or a mode token")
      ->type_name("TEXT");
  command.add_option("--sources", arguments->num_sources, "Sentences to show")
      ->check(WholeNumber(0))
      ->capture_default_str()
      ->type_name("N");
  AddLengthFlags(command, options.max_tokens, arguments->truncate);
  command.add_flag("--json", arguments->json, "One JSON object a document, on one line");
  command.footer(
      "Examples:\n"
      "  strata summarize --max-words 60 report.html\n"
      "  strata summarize --model my-hdt-ed --beams 4 --no-repeat-ngram 3 paper.xml\n"
      "  strata summarize --server localhost:50051 --json --max-sentences 2 notes.md");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Summarize(*arguments); }; });
}

}  // namespace strata::cli
