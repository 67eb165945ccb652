#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "clients/cli/command.h"
#include "clients/cli/document_argument.h"
#include "clients/cli/json_output.h"
#include "clients/cli/model_choice.h"
#include "clients/cli/terminal.h"
#include "strata/local.h"

namespace strata::cli {
namespace {

struct InspectArguments {
  std::vector<std::string> paths;
  FormatChoice format;
  int depth = 0;
  bool tokens = false;
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
    absl::StrAppend(&line, NodeKindName(node.kind), "  ",
                    absl::StrFormat("[%d, %d)", node.source.begin, node.source.end));
    const std::string title = OneLine(TitleOf(structure, i), 60);
    if (!title.empty()) absl::StrAppend(&line, "  ", title);
    std::puts(line.c_str());
  }
}

void PrintStructure(const std::string& path, const DocumentStructure& structure, int depth) {
  int counts[6] = {};
  for (const DocumentNode& node : structure.nodes) ++counts[static_cast<int>(node.kind)];
  const int num_tokens = counts[static_cast<int>(NodeKind::kToken)];
  std::printf("%s: %s, %s; %s sections, %s paragraphs, %s sentences%s\n", path.c_str(),
              DocumentFormatName(structure.format).c_str(),
              FormatBytes(structure.source_size_bytes).c_str(),
              FormatCount(counts[static_cast<int>(NodeKind::kSection)]).c_str(),
              FormatCount(counts[static_cast<int>(NodeKind::kParagraph)]).c_str(),
              FormatCount(counts[static_cast<int>(NodeKind::kSentence)]).c_str(),
              num_tokens > 0 ? absl::StrCat(", ", FormatCount(num_tokens), " tokens").c_str() : "");
  PrintTree(structure, depth);
}

void PrintModel(const ModelDescription& model) {
  std::printf("%s: %s\n", model.name.c_str(), model.architecture.c_str());
  std::printf("  tasks       %s\n", absl::StrJoin(model.tasks, ", ").c_str());
  std::printf("  tokenizer   %s, %s entries\n", model.tokenizer.c_str(),
              FormatCount(model.vocab_size).c_str());
  std::printf("  network     %d layers of %d, %s parameters, %s in memory\n", model.num_layers,
              model.hidden_size, FormatCount(model.num_parameters).c_str(),
              FormatBytes(model.weight_bytes).c_str());
  if (!model.labels.empty()) {
    std::printf("  %-4d labels %s\n", static_cast<int>(model.labels.size()),
                OneLine(absl::StrJoin(model.labels, ", "), 400).c_str());
  }
}

// `tokenizer`: null unless tokens are wanted.
absl::Status InspectOne(const std::string& path, DocumentFormat format,
                        const InspectArguments& arguments, const Tokenizer* tokenizer) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    const auto model = DescribeModel(path);
    if (!model.ok()) return model.status();
    if (arguments.json) {
      PrintLine(ToJson(*model));
    } else {
      PrintModel(*model);
    }
    return absl::OkStatus();
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
  if (!format.ok()) return Fail("inspect", format.status());
  std::optional<Tokenizer> tokenizer;
  if (arguments.tokens || !arguments.model.empty()) {
    const auto model = arguments.model.empty() ? DefaultModelFolder() : arguments.model;
    if (!model.ok()) return Fail("inspect", model.status());
    auto loaded = Tokenizer::Load(*model);
    if (!loaded.ok()) return Fail("inspect", loaded.status());
    tokenizer = *std::move(loaded);
  }
  int exit_code = kExitOk;
  for (const std::string& path : arguments.paths) {
    const absl::Status status =
        InspectOne(path, *format, arguments, tokenizer.has_value() ? &*tokenizer : nullptr);
    if (status.ok()) continue;
    if (arguments.json) PrintLine(ErrorToJson(path, status));
    exit_code = FailFor("inspect", path, status);
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
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command.add_flag("--tokens", arguments->tokens,
                   "Also the tokens below each heading and sentence (of the model that comes with "
                   "Strata, or of --model)");
  command
      .add_option("--model", arguments->model,
                  "Whose tokens: as in `strata tokenize --model`; implies --tokens")
      ->type_name("PATH");
  command.add_flag("--json", arguments->json, "All nodes as one JSON object");
  command.footer(
      "Examples:\n"
      "  strata inspect --depth 2 paper.html\n"
      "  strata inspect --json notes.md\n"
      "  strata inspect models/my-classifier");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Inspect(*arguments); }; });
}

}  // namespace strata::cli
