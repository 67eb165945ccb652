// `strata match` and `strata rank`: one document against another, or against many.
#include <cstdint>
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

struct MatchArguments {
  std::string document;
  std::vector<std::string> candidates;
  ModelChoice model;
  FormatChoice format;
  std::int32_t top_k = 0;
  std::int32_t pairs = 3;
  std::int64_t max_tokens = 0;
  bool truncate = false;
  bool json = false;
};

Json ToJson(const MatchedDocument& document) {
  Json blocks = Json::array();
  for (const ByteRange& block : document.blocks) blocks.push_back(cli::ToJson(block));
  return {{"id", document.id},
          {"num_tokens", document.tokens.num_tokens},
          {"num_words_seen", document.tokens.num_words_seen},
          {"num_words_kept", document.tokens.num_words_kept},
          {"blocks", std::move(blocks)}};
}

Json ToJson(const MatchResult& result) {
  if (!result.status.ok()) {
    Json json = ErrorToJson(result.candidate.id, result.status);
    json["index"] = result.index;
    return json;
  }
  Json pairs = Json::array();
  for (const BlockPair& pair : result.pairs) {
    pairs.push_back({{"document", cli::ToJson(pair.document)},
                     {"candidate", cli::ToJson(pair.candidate)},
                     {"similarity", pair.similarity}});
  }
  Json json = ToJson(result.candidate);
  json["status"] = "OK";
  json["index"] = result.index;
  json["score"] = result.score;
  if (result.probability) json["probability"] = *result.probability;
  json["pairs"] = std::move(pairs);
  return json;
}

Json ToJson(const Ranking& ranking) {
  Json results = Json::array();
  for (const MatchResult& result : ranking.results) results.push_back(ToJson(result));
  Json json = ToJson(ranking.document);
  json["status"] = "OK";
  json["model"] = ranking.model;
  json["results"] = std::move(results);
  return json;
}

// A range with its bytes, if the document's are at hand.
std::string Shown(const ByteRange& range, const std::string& bytes) {
  std::string text = absl::StrCat(FormatCount(range.begin), " to ", FormatCount(range.end), "  ");
  if (range.begin >= 0 && range.end <= static_cast<std::int64_t>(bytes.size())) {
    text += OneLine(std::string_view(bytes).substr(static_cast<std::size_t>(range.begin),
                                                   static_cast<std::size_t>(range.size())),
                    50);
  }
  return text;
}

void PrintResult(const MatchResult& result, const std::string& document_bytes,
                 const std::string& candidate_bytes) {
  std::string line = absl::StrFormat("%9.4f", result.score);
  if (result.probability) line += absl::StrFormat("  %5.1f %%", 100 * *result.probability);
  std::printf("%s  %s\n", line.c_str(), Printable(result.candidate.id).c_str());
  for (const BlockPair& pair : result.pairs) {
    std::printf("           %.3f  %s\n", pair.similarity,
                Shown(pair.document, document_bytes).c_str());
    std::printf("                  %s\n", Shown(pair.candidate, candidate_bytes).c_str());
  }
}

// `command`: "match" or "rank".
int Rank(const char* command, const MatchArguments& arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail(command, format.status(), arguments.json);
  const auto client = arguments.model.Connect(arguments.json);
  if (!client.ok()) return Fail(command, client.status(), arguments.json);
  MatchOptions options;
  options.model = arguments.model.model_name();
  options.top_k = arguments.top_k;
  options.block_pairs = arguments.pairs;
  options.max_tokens = arguments.max_tokens;
  options.truncation = arguments.truncate ? Truncation::kKeepHead : Truncation::kReject;
  options.timeout = arguments.model.timeout();
  const DocumentInput document = OpenArgument(arguments.document, *format);
  std::vector<DocumentInput> candidates;
  for (const std::string& path : arguments.candidates) {
    candidates.push_back(OpenArgument(path, *format));
  }
  const auto ranking = client->Rank(document, candidates, options);
  if (!ranking.ok()) {
    return FailFor(command, arguments.document, ranking.status(), arguments.json);
  }
  if (arguments.json) PrintLine(ToJson(*ranking));
  const std::string bytes = document.ReadAll().value_or("");
  int exit_code = kExitOk;
  for (const MatchResult& result : ranking->results) {
    const std::string& path = arguments.candidates[result.index];
    if (!result.status.ok()) {
      exit_code = FailFor(command, path, result.status);
    } else if (!arguments.json) {
      PrintResult(result, bytes, candidates[result.index].ReadAll().value_or(""));
    }
  }
  return exit_code;
}

void AddSharedFlags(CLI::App& command, MatchArguments& arguments) {
  arguments.model.AddFlags(command);
  arguments.format.AddFlag(command);
  command
      .add_option("--pairs", arguments.pairs, "Show this many pairs of parts that are most alike")
      ->check(WholeNumber(0))
      ->capture_default_str()
      ->type_name("N");
  AddLengthFlags(command, arguments.max_tokens, arguments.truncate);
  command.add_flag("--json", arguments.json, "Scores, and the bytes that were read, as JSON");
}

constexpr char kScores[] =
    "A model that is trained to match (SMITH) gives its score and a probability;\n"
    "any other the cosine of the documents' vectors.\n";

}  // namespace

void AddMatchCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<MatchArguments>();
  CLI::App& command = *app.add_subcommand("match", "How well two documents match");
  command.add_option("A", arguments->document, "A document; - is the standard input")->required();
  arguments->candidates.resize(1);
  command.add_option("B", arguments->candidates[0], "The other one")->required();
  AddSharedFlags(command, *arguments);
  command.footer(std::string(kScores) +
                 "Example:\n  strata match --model smith report.pdf.txt older_report.txt");
  command.callback([arguments, &invocation] {
    invocation.run = [arguments] { return Rank("match", *arguments); };
  });
}

void AddRankCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<MatchArguments>();
  arguments->pairs = 0;
  CLI::App& command = *app.add_subcommand("rank", "Other documents by how well they match one");
  command.add_option("QUERY", arguments->document, "A document; - is the standard input")
      ->required();
  command.add_option("FILE", arguments->candidates, "The others")->required();
  command.add_option("--top", arguments->top_k, "Only the best N")
      ->check(WholeNumber(0))
      ->type_name("N");
  AddSharedFlags(command, *arguments);
  command.footer(std::string(kScores) + "Example:\n  strata rank --top 5 notes.md papers/*.xml");
  command.callback([arguments, &invocation] {
    invocation.run = [arguments] { return Rank("rank", *arguments); };
  });
}

}  // namespace strata::cli
