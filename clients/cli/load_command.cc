#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/batch_input.h"
#include "clients/cli/command.h"
#include "clients/cli/document_argument.h"
#include "clients/cli/flag_checks.h"
#include "clients/cli/json_output.h"
#include "clients/cli/load_run.h"
#include "clients/cli/model_choice.h"
#include "clients/cli/progress.h"
#include "clients/cli/terminal.h"

namespace strata::cli {
namespace {

// Of a collection, so many are sent round and round.
constexpr std::size_t kMaxDocuments = 10'000;

struct LoadArguments {
  std::vector<std::string> files;
  ModelChoice model;
  FormatChoice format;
  int in_flight = 0;
  double rate = 0;
  double seconds = 10;
  double window = 1;
  double embed_share = 0;
  double cancel_share = 0;
  bool json = false;
  bool quiet = false;
};

absl::StatusOr<std::vector<DocumentInput>> ReadDocuments(const LoadArguments& arguments,
                                                         DocumentFormat format) {
  std::vector<DocumentInput> documents;
  for (const std::string& file : arguments.files) {
    auto input = BatchInput::Open(file, format);
    if (!input.ok()) {  // a document itself
      documents.push_back(OpenArgument(file, format));
      continue;
    }
    BatchItem item;
    while (documents.size() < kMaxDocuments) {
      const absl::StatusOr<bool> more = (*input)->Next(item);
      if (!more.ok()) return more.status();
      if (!*more) break;
      if (item.error.ok()) documents.push_back(item.document);
    }
  }
  if (documents.empty()) return absl::InvalidArgumentError("there is no document to send");
  return documents;
}

Json ToJson(const LoadCounts& counts) {
  const double seconds = std::max(counts.seconds, 1e-9);
  Json json = {{"seconds", counts.seconds},
               {"ok", counts.ok},
               {"ok_per_second", static_cast<double>(counts.ok) / seconds},
               {"bytes_per_second", static_cast<double>(counts.bytes) / seconds},
               {"refused", counts.refused},
               {"refused_with_hint", counts.hinted},
               {"given_up", counts.given_up},
               {"failed", counts.failed},
               {"late", counts.late},
               {"p50_ms", absl::ToDoubleMilliseconds(counts.times.Quantile(0.5))},
               {"p90_ms", absl::ToDoubleMilliseconds(counts.times.Quantile(0.9))},
               {"p99_ms", absl::ToDoubleMilliseconds(counts.times.Quantile(0.99))},
               {"p999_ms", absl::ToDoubleMilliseconds(counts.times.Quantile(0.999))}};
  Json errors = Json::object();
  for (const auto& [error, count] : counts.errors) errors[error] = count;
  json["errors"] = errors;
  return json;
}

void PrintTotal(const LoadCounts& total) {
  const auto ms = [&](double share) {
    return absl::ToDoubleMilliseconds(total.times.Quantile(share));
  };
  std::printf(
      "%s answered in %.1f s: %.1f a second, %s/s\n", FormatCount(total.ok).c_str(), total.seconds,
      static_cast<double>(total.ok) / total.seconds,
      FormatBytes(static_cast<std::int64_t>(static_cast<double>(total.bytes) / total.seconds))
          .c_str());
  std::printf("  half within %.2f ms, 90 %% %.2f ms, 99 %% %.2f ms, 99.9 %% %.2f ms\n", ms(0.5),
              ms(0.9), ms(0.99), ms(0.999));
  if (total.refused > 0) {
    std::printf("  %s refused, %s of them with a time to wait\n",
                FormatCount(total.refused).c_str(), FormatCount(total.hinted).c_str());
  }
  if (total.given_up > 0) {
    std::printf("  %s given up by us\n", FormatCount(total.given_up).c_str());
  }
  if (total.failed > 0) std::printf("  %s failed\n", FormatCount(total.failed).c_str());
  for (const auto& [error, count] : total.errors) {
    std::printf("    %s: %s\n", Printable(error).c_str(), FormatCount(count).c_str());
  }
  if (total.late > 0) {
    std::printf("  %s begun late, because --in-flight were out: the pace was not kept\n",
                FormatCount(total.late).c_str());
  }
  FlushOutput();
}

int RunLoadCommand(const LoadArguments& arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail("load", format.status(), arguments.json);
  const auto documents = ReadDocuments(arguments, *format);
  if (!documents.ok()) return Fail("load", documents.status(), arguments.json);
  RetryPolicy never;  // every refusal is to be seen
  never.max_attempts = 1;
  const auto client = arguments.model.Connect(arguments.json, never);
  if (!client.ok()) return Fail("load", client.status(), arguments.json);
  // Whether someone is there at all, before a load is put on.
  if (const auto models = client->ListModels(); !models.ok()) {
    return Fail("load", models.status(), arguments.json);
  }

  LoadOptions options;
  options.model = arguments.model.model_name();
  options.rate = arguments.rate;
  options.in_flight = arguments.in_flight > 0 ? arguments.in_flight : arguments.rate > 0 ? 256 : 8;
  options.length = absl::Seconds(arguments.seconds);
  options.window = absl::Seconds(std::min(arguments.window, arguments.seconds));
  options.timeout = arguments.model.timeout().value_or(absl::Seconds(30));
  options.embed_share = arguments.embed_share;
  options.cancel_share = arguments.cancel_share;

  ProgressLine line(arguments.quiet || arguments.json);
  double seconds = 0;
  const LoadCounts total = RunLoad(*client, *documents, options, [&](const LoadCounts& window) {
    seconds += window.seconds;
    if (arguments.json) PrintLine(ToJson(window));
    line.Show(std::min(1.0, seconds / arguments.seconds),
              absl::StrFormat("%.1f/s  p99 %.1f ms  %s refused  %s failed  %s left",
                              static_cast<double>(window.ok) / window.seconds,
                              absl::ToDoubleMilliseconds(window.times.Quantile(0.99)),
                              FormatCount(window.refused), FormatCount(window.failed),
                              FormatSeconds(std::max(0.0, arguments.seconds - seconds))));
  });
  line.Clear();
  if (arguments.json) {
    Json json = {{"total", true}};
    json.update(ToJson(total));
    PrintLine(json);
  } else {
    PrintTotal(total);
  }
  if (total.ok == 0) {
    return Fail("load", absl::UnavailableError("not one call was answered"), arguments.json);
  }
  return kExitOk;
}

}  // namespace

void AddLoadCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<LoadArguments>();
  CLI::App& command =
      *app.add_subcommand("load", "Put a load on a service and measure what comes back");
  command
      .add_option("FILE", arguments->files,
                  "Documents, folders or JSON Lines, sent round and round (at most 10,000)")
      ->required();
  arguments->model.AddFlags(command);
  arguments->format.AddFlag(command);
  const auto positive = NumberThat("above 0", [](double value) { return value > 0; });
  const auto share = NumberThat("of 0 to 1", [](double value) { return value >= 0 && value <= 1; });
  command.add_option("--seconds", arguments->seconds, "How long")
      ->check(positive)
      ->capture_default_str()
      ->type_name("S");
  command
      .add_option("--in-flight", arguments->in_flight,
                  "Calls at once (default: 8; with --rate at most 256)")
      ->check(WholeNumber(1, 4096))
      ->type_name("N");
  command
      .add_option("--rate", arguments->rate,
                  "Begin so many calls a second, however fast the answers come (default: the next "
                  "as soon as one is done)")
      ->check(positive)
      ->type_name("R");
  command
      .add_option("--embed-share", arguments->embed_share,
                  "Share of the calls that ask for vectors instead of a class")
      ->check(share)
      ->capture_default_str()
      ->type_name("P");
  command
      .add_option("--cancel-share", arguments->cancel_share,
                  "Share of the calls that are given up after a few milliseconds")
      ->check(share)
      ->capture_default_str()
      ->type_name("P");
  command.add_option("--window", arguments->window, "With --json: one line for so many seconds")
      ->check(positive)
      ->capture_default_str()
      ->type_name("S");
  command.add_flag("--json", arguments->json,
                   "One JSON object a window, and one with \"total\": true");
  command.add_flag("--quiet", arguments->quiet, "No progress line");
  command.footer(
      "Nothing is sent twice: a refused call counts as refused.\n"
      "Examples:\n"
      "  strata load --server localhost:50051 --in-flight 16 samples\n"
      "  strata load --server localhost:50051 --rate 800 --seconds 60 --json docs.jsonl");
  command.callback([arguments, &invocation] {
    invocation.run = [arguments] { return RunLoadCommand(*arguments); };
  });
}

}  // namespace strata::cli
