#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cli/batch_input.h"
#include "clients/cli/batch_output.h"
#include "clients/cli/command.h"
#include "clients/cli/document_argument.h"
#include "clients/cli/flag_checks.h"
#include "clients/cli/interrupt.h"
#include "clients/cli/json_output.h"
#include "clients/cli/model_choice.h"
#include "clients/cli/progress.h"
#include "clients/cli/spooled_input.h"
#include "clients/cli/terminal.h"
#include "strata/error.h"

namespace strata::cli {
namespace {

struct BatchArguments {
  std::string in;
  std::string out;
  ModelChoice model;
  FormatChoice format;
  int top_k = 3;
  bool explain = false;
  std::int64_t max_tokens = 0;
  bool truncate = false;
  bool retry_failed = false;
  int in_flight = 64;
  bool quiet = false;
  bool json = false;
};

// One run. Take is called on the stream's sending thread, Answer on its delivering one.
class BatchRun {
 public:
  BatchRun(const BatchArguments& arguments, std::unique_ptr<BatchInput> input, BatchOutput& output,
           const BatchCounts& counts)
      : input_(std::move(input)), output_(output), line_(arguments.quiet), start_(absl::Now()) {
    state_.done_before = output.num_done();
    state_.total = output.num_done() + counts.num_items;
    state_.bytes_total = counts.num_bytes;
  }

  // The next document that no earlier run answered. Its id is replaced by a ticket, because ids may
  // repeat in JSON Lines.
  std::optional<DocumentInput> Take() {
    BatchItem item;
    while (!Interrupted() && !stopped()) {
      const absl::StatusOr<bool> more = input_->Next(item);
      if (!more.ok()) Stop(more.status());
      if (!more.ok() || !*more) return std::nullopt;
      if (output_.IsDone(BatchOutput::KeyOf(item.id, item.line))) continue;
      const std::int64_t num_bytes = item.document.size_bytes().value_or(0);
      if (!item.error.ok()) {
        Write({item.id, item.line, num_bytes}, ErrorToJson(item.id, item.error), false);
        continue;
      }
      std::lock_guard<std::mutex> lock(mutex_);
      const std::string ticket = absl::StrCat(next_ticket_++, ":", item.id);
      pending_[ticket] = {item.id, item.line, num_bytes};
      return item.document.set_id(ticket);
    }
    return std::nullopt;
  }

  void Answer(const std::string& ticket, absl::StatusOr<ClassifyResult> result) {
    Pending item;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto found = pending_.find(ticket);
      item = std::move(found->second);
      pending_.erase(found);
    }
    // A document that took too long is one that failed: it would stop the next run, too.
    if (IsRetryable(result.status()) || absl::IsCancelled(result.status())) {
      // Nothing is wrong with the document: it stays open for the next run.
      if (!absl::IsCancelled(result.status())) Stop(result.status());
      return;
    }
    if (result.ok()) {
      result->id = item.id;
      Write(item, ToJson(*result), true);
    } else {
      Write(item, ErrorToJson(item.id, result.status()), false);
    }
  }

  bool stopped() {
    std::lock_guard<std::mutex> lock(mutex_);
    return !error_.ok();
  }
  // After the stream has ended.
  absl::Status Finish() {
    line_.Show(state_, /*last=*/true);
    line_.End();
    const absl::Status synced = output_.Sync();
    return error_.ok() ? synced : error_;
  }
  const ProgressState& state() const { return state_; }

 private:
  struct Pending {
    std::string id;
    std::int64_t line = 0;
    std::int64_t num_bytes = 0;
  };

  void Stop(const absl::Status& error) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (error_.ok()) error_ = error;
  }

  void Write(const Pending& item, Json json, bool ok) {
    if (item.line > 0) json["line"] = item.line;
    std::lock_guard<std::mutex> lock(mutex_);
    if (!output_error_.ok()) return;  // nothing may follow a line that may be torn
    output_error_ = output_.Append(std::move(json));
    if (!output_error_.ok()) {
      error_ = output_error_;
      return;
    }
    ++state_.done;
    if (!ok) ++state_.failed;
    state_.bytes_done += item.num_bytes;
    state_.seconds = absl::ToDoubleSeconds(absl::Now() - start_);
    line_.Show(state_);
  }

  const std::unique_ptr<BatchInput> input_;
  BatchOutput& output_;
  ProgressLine line_;
  const absl::Time start_;

  std::mutex mutex_;
  std::map<std::string, Pending> pending_;  // by ticket
  std::int64_t next_ticket_ = 1;
  ProgressState state_;
  absl::Status error_;         // why the run ends early
  absl::Status output_error_;  // of these, one of OUT
};

struct Outcome {
  const std::string& model;
  std::int64_t failed_before, skipped;
  const absl::Status& error;
};

int Report(const BatchArguments& arguments, const BatchRun& run, const Outcome& outcome) {
  const ProgressState& state = run.state();
  const std::int64_t failed = state.failed + outcome.failed_before;
  const std::int64_t left = state.total - state.done_before - state.done;
  if (arguments.json) {
    PrintLine({{"out", arguments.out},
               {"model", outcome.model},
               {"total", state.total},
               {"done", state.done_before + state.done},
               {"done_before", state.done_before},
               {"failed", failed},
               {"skipped", outcome.skipped},
               {"seconds", state.seconds},
               {"documents_per_second", state.seconds > 0 ? state.done / state.seconds : 0.0},
               {"bytes_per_second", state.seconds > 0 ? state.bytes_done / state.seconds : 0.0}});
  }
  const std::string rest =
      absl::StrCat(Counted(left, "document"), left == 1 ? " is left" : " are left",
                   arguments.out == "-" ? "" : ", the same command goes on");
  const absl::Status& error = outcome.error;
  if (!error.ok()) {
    return Fail("batch", absl::Status(error.code(), absl::StrCat(error.message(), "; ", rest)));
  }
  if (left > 0) return Fail("batch", absl::CancelledError(absl::StrCat("stopped; ", rest)));
  if (failed > 0) {
    const bool retried = arguments.retry_failed || arguments.out == "-";
    return Fail("batch", absl::InternalError(absl::StrCat(
                             FormatCount(failed), " of ", Counted(state.total, "document"),
                             " failed; their lines in ", arguments.out, " say why",
                             retried ? "" : ", and --retry-failed tries them again")));
  }
  return kExitOk;
}

// Who will answer, and how. A service that is not there, or a model that it has not, is said here,
// before anything is written.
absl::StatusOr<BatchSettings> SettingsOf(const BatchArguments& arguments, const Client& client) {
  const auto models = client.ListModels();
  if (!models.ok()) return models.status();
  const std::string wanted = arguments.model.model_name();
  const std::size_t at = std::min(wanted.find('@'), wanted.size());
  BatchSettings settings;
  settings.model = wanted.substr(0, at);
  if (wanted.empty() && !models->empty()) settings.model = models->front().name;
  if (std::none_of(models->begin(), models->end(),
                   [&](const auto& model) { return model.name == settings.model; })) {
    return absl::NotFoundError(absl::StrCat("no model is named '", settings.model, "'"));
  }
  settings.options["top-k"] = arguments.top_k;
  if (at < wanted.size()) settings.options["model"] = wanted;
  if (arguments.explain) settings.options["explain"] = true;
  if (arguments.max_tokens > 0) settings.options["max-tokens"] = arguments.max_tokens;
  if (arguments.truncate) settings.options["truncate"] = true;
  if (arguments.format.name() != "auto") settings.options["format"] = arguments.format.name();
  return settings;
}

void TellBeginning(const BatchArguments& arguments, const BatchOutput& output,
                   const SkippedFiles& skipped) {
  if (skipped.count > 0) {
    std::fprintf(stderr, "strata batch: %s in %s skipped by their endings (%s)\n",
                 Counted(skipped.count, "file").c_str(), Printable(arguments.in).c_str(),
                 Printable(skipped.endings).c_str());
  }
  if (output.num_retried() > 0) {
    std::fprintf(stderr, "strata batch: trying %s again that failed\n",
                 Counted(output.num_retried(), "document").c_str());
  }
  if (output.num_done() > 0) {
    std::fprintf(stderr, "strata batch: %s has %s already; going on behind them\n",
                 Printable(arguments.out).c_str(), Counted(output.num_done(), "result").c_str());
  }
}

int Batch(const BatchArguments& arguments) {
  const auto fail = [&](const absl::Status& status) {
    return Fail("batch", status, arguments.json);
  };
  const auto format = arguments.format.Get();
  if (!format.ok()) return fail(format.status());
  if (arguments.json && arguments.out == "-") {
    return fail(absl::InvalidArgumentError(
        "the results and the summary of --json cannot both go to the standard output"));
  }
  const auto path = SpoolStandardInput(arguments.in);
  if (!path.ok()) return fail(path.status());
  auto input = BatchInput::Open(*path, *format);
  if (!input.ok()) return fail(input.status());
  const SkippedFiles skipped = (*input)->skipped();
  const auto client = arguments.model.Connect(arguments.quiet || arguments.json);
  if (!client.ok()) return fail(client.status());
  const auto settings = SettingsOf(arguments, *client);
  if (!settings.ok()) return fail(settings.status());
  const auto output = BatchOutput::Open(arguments.out, *settings, arguments.retry_failed);
  if (!output.ok()) return fail(output.status());
  if (!arguments.quiet) TellBeginning(arguments, **output, skipped);
  const auto counts = BatchInput::Count(*path, *format, [&](const BatchItem& item) {
    return !(*output)->IsDone(BatchOutput::KeyOf(item.id, item.line));
  });
  if (!counts.ok()) return fail(counts.status());

  EndInOrderOnSignal();

  ClassifyManyOptions options;
  options.classify.model = arguments.model.model_name();
  options.classify.top_k = arguments.top_k;
  options.classify.explain = arguments.explain;
  options.classify.max_tokens = arguments.max_tokens;
  options.classify.truncation = arguments.truncate ? Truncation::kKeepHead : Truncation::kReject;
  options.max_in_flight = arguments.in_flight;
  if (const auto timeout = arguments.model.timeout(); timeout.has_value()) {
    options.document_timeout = *timeout;
  } else if (!arguments.model.remote()) {
    options.document_timeout = absl::InfiniteDuration();
  }
  BatchRun run(arguments, *std::move(input), **output, *counts);
  client
      ->ClassifyMany([&] { return run.Take(); },
                     [&](const std::string& ticket, absl::StatusOr<ClassifyResult> result) {
                       run.Answer(ticket, std::move(result));
                     },
                     options)
      ->Wait()
      .IgnoreError();  // never cancelled: Take ends it
  const absl::Status error = run.Finish();
  return Report(arguments, run, {settings->model, (*output)->num_failed(), skipped.count, error});
}

}  // namespace

void AddBatchCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<BatchArguments>();
  CLI::App& command = *app.add_subcommand(
      "batch", "Classifies many documents into a JSON Lines file; started again, it goes on");
  command
      .add_option(
          "IN", arguments->in,
          "A folder, a file with a path on each line, or JSON Lines (also .gz); - is the standard "
          "input")
      ->required();
  command
      .add_option(
          "OUT", arguments->out,
          "JSON Lines: one result or error a document; - is the standard output, without going on")
      ->required();
  arguments->model.AddFlags(command);
  arguments->format.AddFlag(command);
  command.add_option("--top-k", arguments->top_k, "Best labels to write; 0 = all")
      ->check(WholeNumber(0))
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--explain", arguments->explain,
                   "Also write how much each section and sentence counted");
  AddLengthFlags(command, arguments->max_tokens, arguments->truncate);
  command.add_option("--in-flight", arguments->in_flight, "Documents on their way at once")
      ->check(WholeNumber(1))
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--retry-failed", arguments->retry_failed,
                   "Answer anew what failed in an earlier run");
  command.add_flag("--quiet", arguments->quiet, "No progress");
  command.add_flag("--json", arguments->json, "A summary as one JSON object on stdout");
  command.footer(
      "Results come in the order in which they are done; each line has the \"id\" (the\n"
      "path, or the \"id\" of the line) and a \"status\". A batch that was stopped or\n"
      "killed goes on where it was when the same command is started again.\n"
      "A folder's documents are the files below it with these endings:\n"
      "  .txt .text .md .markdown .html .htm .xhtml .xml .nxml .jats .json\n"
      "Examples:\n"
      "  strata batch papers/ results.jsonl\n"
      "  strata batch --server localhost:50051 corpus.jsonl.gz results.jsonl");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Batch(*arguments); }; });
}

}  // namespace strata::cli
