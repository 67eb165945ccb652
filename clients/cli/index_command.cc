// `strata index` and `strata search`: search by meaning in a folder of vectors.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cli/batch_input.h"
#include "clients/cli/command.h"
#include "clients/cli/document_argument.h"
#include "clients/cli/flag_checks.h"
#include "clients/cli/interrupt.h"
#include "clients/cli/json_output.h"
#include "clients/cli/model_choice.h"
#include "clients/cli/progress.h"
#include "clients/cli/terminal.h"
#include "strata/search.h"

namespace strata::cli {
namespace {

struct IndexArguments {
  std::string in;
  IndexOptions options;
  ModelChoice model;
  FormatChoice format;
  std::string level = "document";
  bool truncate = false;
  bool quiet = false;
  bool json = false;
};

EmbeddingLevel LevelOf(const std::string& name) {
  if (name == "section") return EmbeddingLevel::kSection;
  return name == "sentence" ? EmbeddingLevel::kSentence : EmbeddingLevel::kDocument;
}

// The documents of the input; what cannot be read is told and counted.
class IndexSource {
 public:
  IndexSource(std::unique_ptr<BatchInput> input, ProgressLine& line)
      : input_(std::move(input)), line_(line) {}

  std::optional<DocumentInput> Next() {
    BatchItem item;
    while (status_.ok() && !Interrupted()) {
      const absl::StatusOr<bool> more = input_->Next(item);
      if (!more.ok()) status_ = more.status();
      if (!more.ok() || !*more) return std::nullopt;
      if (item.error.ok()) return item.document.set_id(item.id);
      Failed(item.id, item.error);
    }
    return std::nullopt;
  }

  void Failed(const std::string& id, const absl::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++num_failed_;
    line_.Clear();
    FailFor("index", id, status);
  }

  const absl::Status& status() const { return status_; }
  std::int64_t num_failed() const { return num_failed_; }

 private:
  std::unique_ptr<BatchInput> input_;
  ProgressLine& line_;
  std::mutex mutex_;
  std::int64_t num_failed_ = 0;
  absl::Status status_;
};

int Index(IndexArguments arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail("index", format.status(), arguments.json);
  auto input = BatchInput::Open(arguments.in, *format);
  if (!input.ok()) return Fail("index", input.status(), arguments.json);
  const auto count =
      BatchInput::Count(arguments.in, *format, [](const BatchItem&) { return true; });
  if (!count.ok()) return Fail("index", count.status(), arguments.json);
  const auto client = arguments.model.Connect(arguments.quiet || arguments.json);
  if (!client.ok()) return Fail("index", client.status(), arguments.json);
  IndexOptions& options = arguments.options;
  options.model = arguments.model.model_name();
  options.level = LevelOf(arguments.level);
  options.truncation = arguments.truncate ? Truncation::kKeepHead : Truncation::kReject;
  options.timeout = arguments.model.timeout();
  EndInOrderOnSignal();

  ProgressLine line(arguments.quiet);
  IndexSource source(*std::move(input), line);
  ProgressState state;
  state.total = count->num_items;
  const absl::Time start = absl::Now();
  const auto report = BuildIndex(
      *client, [&] { return source.Next(); }, options,
      [&](const std::string& id, const absl::Status& status) { source.Failed(id, status); },
      [&](const IndexProgress& progress) {
        state.done = progress.documents_done;
        state.failed = progress.documents_failed;
        state.seconds = absl::ToDoubleSeconds(absl::Now() - start);
        if (progress.vectors_linked == 0) {
          line.Show(state);
        } else {
          line.Show(
              static_cast<double>(progress.vectors_linked) / static_cast<double>(progress.vectors),
              absl::StrCat("linking ", FormatCount(progress.vectors_linked), "/",
                           FormatCount(progress.vectors), " vectors"));
        }
        return !Interrupted() && source.status().ok();
      });
  line.Clear();
  if (!source.status().ok()) return Fail("index", source.status(), arguments.json);
  if (!report.ok()) return Fail("index", report.status(), arguments.json);
  if (arguments.json) {
    PrintLine({{"folder", options.output_folder},
               {"status", "OK"},
               {"model", report->model},
               {"num_documents", report->num_documents},
               {"num_failed", source.num_failed()},
               {"num_vectors", report->num_vectors},
               {"dimension", report->dimension}});
  } else {
    std::printf("%s: %s of %d from %s by %s\n", Printable(options.output_folder).c_str(),
                Counted(report->num_vectors, "vector").c_str(), report->dimension,
                Counted(report->num_documents, "document").c_str(),
                Printable(report->model).c_str());
  }
  return source.num_failed() > 0 ? kExitError : kExitOk;
}

struct SearchArguments {
  std::string index;
  std::string query;
  ModelChoice model;
  FormatChoice format;
  SearchOptions options;
  bool truncate = false;
  bool json = false;
};

int Search(SearchArguments arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail("search", format.status(), arguments.json);
  const auto index = SearchIndex::Open(arguments.index);
  if (!index.ok()) return Fail("search", index.status(), arguments.json);
  const auto client = arguments.model.Connect(arguments.json);
  if (!client.ok()) return Fail("search", client.status(), arguments.json);
  arguments.options.model = arguments.model.model_name();
  arguments.options.truncation = arguments.truncate ? Truncation::kKeepHead : Truncation::kReject;
  arguments.options.timeout = arguments.model.timeout();
  const auto hits =
      index->Search(*client, OpenArgument(arguments.query, *format), arguments.options);
  if (!hits.ok()) return FailFor("search", arguments.query, hits.status(), arguments.json);
  if (arguments.json) {
    Json results = Json::array();
    for (const SearchHit& hit : *hits) {
      results.push_back(
          {{"id", hit.id}, {"similarity", hit.similarity}, {"source", ToJson(hit.source)}});
    }
    PrintLine({{"id", arguments.query},
               {"status", "OK"},
               {"model", index->model()},
               {"level", index->level()},
               {"results", std::move(results)}});
    return kExitOk;
  }
  for (const SearchHit& hit : *hits) {
    const std::string part = index->level() == "document"
                                 ? ""
                                 : absl::StrCat("  bytes ", FormatCount(hit.source.begin), " to ",
                                                FormatCount(hit.source.end));
    std::printf("%8.4f  %s%s\n", hit.similarity, Printable(hit.id).c_str(), part.c_str());
  }
  return kExitOk;
}

}  // namespace

void AddIndexCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<IndexArguments>();
  CLI::App& command = *app.add_subcommand("index", "Makes an index of documents to be searched");
  command
      .add_option("IN", arguments->in,
                  "A folder of documents, a list of files, or JSON Lines (also .gz)")
      ->required();
  command.add_option("OUT", arguments->options.output_folder, "The folder to make; new or empty")
      ->required()
      ->check(NotEmpty());
  command.add_option("--level", arguments->level, "What gets a vector")
      ->check(CLI::IsMember({"document", "section", "sentence"}))
      ->capture_default_str()
      ->type_name("LEVEL");
  arguments->model.AddFlags(command);
  arguments->format.AddFlag(command);
  AddLengthFlags(command, arguments->options.max_tokens, arguments->truncate);
  command
      .add_option("--in-flight", arguments->options.in_flight, "Documents asked for at one time")
      ->check(WholeNumber(1, 256))
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--quiet", arguments->quiet, "No progress");
  command.add_flag("--json", arguments->json, "The result as one JSON object");
  command.footer(
      "Examples:\n"
      "  strata index papers/ papers.index\n"
      "  strata search papers.index question.txt");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Index(*arguments); }; });
}

void AddSearchCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<SearchArguments>();
  CLI::App& command =
      *app.add_subcommand("search", "What is most like a document in an index of vectors");
  command.add_option("INDEX", arguments->index, "A folder that `strata index` made")->required();
  command.add_option("QUERY", arguments->query, "A document; - is the standard input")->required();
  command.add_option("--top", arguments->options.top_k, "This many results")
      ->check(WholeNumber(1))
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--exact", arguments->options.exact,
                   "Compare with every vector instead of following the graph");
  command
      .add_option("--effort", arguments->options.effort,
                  "Candidates kept on the way through the graph; more find more")
      ->check(WholeNumber(1))
      ->capture_default_str()
      ->type_name("N");
  arguments->model.AddFlags(command);
  arguments->format.AddFlag(command);
  AddLengthFlags(command, arguments->options.max_tokens, arguments->truncate);
  command.add_flag("--json", arguments->json, "The results as one JSON object");
  command.footer(
      "Example:\n"
      "  echo 'How do muscles contract?' | strata search --top 3 papers.index -");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Search(*arguments); }; });
}

}  // namespace strata::cli
