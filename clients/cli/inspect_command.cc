#include <algorithm>
#include <cstdio>
#include <filesystem>
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
#include "clients/cli/model_report.h"
#include "clients/cli/terminal.h"
#include "strata/local.h"

namespace strata::cli {
namespace {

struct InspectArguments {
  std::vector<std::string> paths;
  FormatChoice format;
  int depth = 0;
  bool tokens = false;
  bool tensors = false;
  std::string model;
  bool json = false;
};

// What stands behind a node's kind: its own text, or its heading's.
std::string TitleOf(const DocumentStructure& structure, std::size_t index) {
  const DocumentNode& node = structure.nodes[index];
  if (!node.text.empty()) return node.text;
  const bool has_heading = index + 1 < structure.nodes.size() &&
                           structure.nodes[index + 1].kind == NodeKind::kHeading &&
                           structure.nodes[index + 1].parent == static_cast<int>(index);
  return has_heading ? structure.nodes[index + 1].text : "";
}

void PrintTree(const DocumentStructure& structure, int depth) {
  const std::size_t num_nodes = structure.nodes.size();
  // A node is the last child of its parent if no later node has the same one.
  std::vector<bool> is_last(num_nodes, true);
  std::vector<std::size_t> last_child(num_nodes, 0);
  for (std::size_t i = 1; i < num_nodes; ++i) last_child[structure.nodes[i].parent] = i;
  for (std::size_t i = 1; i < num_nodes; ++i) {
    is_last[i] = last_child[structure.nodes[i].parent] == i;
  }
  // The lines of the ancestors that go on, by level.
  std::vector<std::string> prefixes = {""};
  for (std::size_t i = 0; i < num_nodes; ++i) {
    const DocumentNode& node = structure.nodes[i];
    if (depth > 0 && node.level > depth) continue;
    std::string line;
    if (i > 0) {
      prefixes.resize(node.level);
      line = prefixes[node.level - 1] + (is_last[i] ? "└─ " : "├─ ");
      prefixes.push_back(prefixes[node.level - 1] + (is_last[i] ? "   " : "│  "));
    }
    absl::StrAppend(&line, NodeKindName(node.kind), "  ", FormatCount(node.source.begin), " to ",
                    FormatCount(node.source.end));
    const std::string title = OneLine(TitleOf(structure, i), 60);
    if (!title.empty()) absl::StrAppend(&line, "  ", title);
    std::puts(line.c_str());
  }
}

void PrintStructure(const std::string& path, const DocumentStructure& structure, int depth) {
  int counts[6] = {};
  for (const DocumentNode& node : structure.nodes) ++counts[static_cast<int>(node.kind)];
  const int num_tokens = counts[static_cast<int>(NodeKind::kToken)];
  const auto counted = [&](NodeKind kind, const char* noun) {
    return Counted(counts[static_cast<int>(kind)], noun);
  };
  std::string line = absl::StrCat(Printable(path), ": ", DocumentFormatName(structure.format), ", ",
                                  Counted(structure.source_size_bytes, "byte"), "; ",
                                  counted(NodeKind::kSection, "section"), ", ",
                                  counted(NodeKind::kParagraph, "paragraph"), ", ",
                                  counted(NodeKind::kSentence, "sentence"));
  if (num_tokens > 0) absl::StrAppend(&line, ", ", Counted(num_tokens, "token"));
  std::puts(line.c_str());
  PrintTree(structure, depth);
}

// `tokenizer`: null unless tokens are wanted.
absl::Status InspectOne(const std::string& path, DocumentFormat format,
                        const InspectArguments& arguments, const Tokenizer* tokenizer) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return ReportModel(path, {arguments.json, arguments.tensors});
  }
  const DocumentInput document = OpenArgument(path, format);
  const auto structure =
      tokenizer == nullptr ? InspectDocument(document) : InspectDocument(document, *tokenizer);
  if (!structure.ok()) return structure.status();
  if (arguments.json) {
    Json json = {{"id", path}, {"status", "OK"}};
    json["format"] = DocumentFormatName(structure->format);
    json.update(ToJson(*structure));
    PrintLine(json);
  } else {
    PrintStructure(path, *structure, arguments.depth);
  }
  return absl::OkStatus();
}

int Inspect(const InspectArguments& arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail("inspect", format.status(), arguments.json);
  std::optional<Tokenizer> tokenizer;
  if (arguments.tokens || !arguments.model.empty()) {
    const auto model = arguments.model.empty() ? DefaultModelFolder() : arguments.model;
    if (!model.ok()) return Fail("inspect", model.status(), arguments.json);
    auto loaded = Tokenizer::Load(*model);
    if (!loaded.ok()) return Fail("inspect", loaded.status(), arguments.json);
    tokenizer = *std::move(loaded);
  }
  int exit_code = kExitOk;
  for (const std::string& path : arguments.paths) {
    const absl::Status status =
        InspectOne(path, *format, arguments, tokenizer.has_value() ? &*tokenizer : nullptr);
    if (status.ok()) continue;
    exit_code = FailFor("inspect", path, status, arguments.json);
  }
  return exit_code;
}

}  // namespace

void AddInspectCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<InspectArguments>();
  CLI::App& command = *app.add_subcommand(
      "inspect", "The structure of a document: sections, paragraphs, sentences, with their bytes");
  command
      .add_option("PATH", arguments->paths,
                  "Documents (- is the standard input), or model folders: then what the model is")
      ->required();
  arguments->format.AddFlag(command);
  command.add_option("--depth", arguments->depth, "Levels of the tree to print (default: all)")
      ->check(WholeNumber(0))
      ->type_name("N");
  command.add_flag("--tokens", arguments->tokens,
                   "Also the tokens below each heading and sentence (of the model that comes with "
                   "Strata, or of --model)");
  command
      .add_option("--model", arguments->model,
                  "Whose tokens: as in `strata tokenize --model`; implies --tokens")
      ->check(NotEmpty())
      ->type_name("PATH");
  command.add_flag("--tensors", arguments->tensors, "Of a model folder: also every tensor");
  command.add_flag("--json", arguments->json, "All nodes, or all tensors, as one JSON object");
  command.footer(
      "Examples:\n"
      "  strata inspect --depth 2 paper.html\n"
      "  strata inspect --json notes.md\n"
      "  strata inspect --tensors models/my-classifier");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Inspect(*arguments); }; });
}

}  // namespace strata::cli
