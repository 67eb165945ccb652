#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/command.h"
#include "clients/cli/document_argument.h"
#include "clients/cli/json_output.h"
#include "clients/cli/model_choice.h"
#include "clients/cli/terminal.h"

namespace strata::cli {
namespace {

struct EmbedArguments {
  std::string file;
  ModelChoice model;
  FormatChoice format;
  std::vector<std::string> levels = {"document"};
  bool normalize = false;
  std::int64_t max_tokens = 0;
  bool truncate = false;
  bool json = false;
  std::string npy_path;
};

EmbeddingLevel LevelOf(const std::string& name) {
  if (name == "section") return EmbeddingLevel::kSection;
  if (name == "sentence") return EmbeddingLevel::kSentence;
  if (name == "token") return EmbeddingLevel::kToken;
  return EmbeddingLevel::kDocument;
}

// NumPy's format 1.0: float32, C order, [vectors, C].
absl::Status WriteNpy(const std::vector<Embedding>& embeddings, const std::string& path) {
  const std::size_t width = embeddings.empty() ? 0 : embeddings[0].values.size();
  std::string header = absl::StrFormat(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", embeddings.size(), width);
  constexpr std::size_t kPreamble = 10;  // magic, version, header size
  header.append(63 - (kPreamble + header.size()) % 64, ' ');
  header += '\n';
  std::ofstream file(path, std::ios::binary);
  file << std::string("\x93NUMPY\x01\x00", 8) << static_cast<char>(header.size() & 0xff)
       << static_cast<char>(header.size() >> 8) << header;
  for (const Embedding& embedding : embeddings) {
    file.write(reinterpret_cast<const char*>(embedding.values.data()),
               static_cast<std::streamsize>(embedding.values.size() * sizeof(float)));
  }
  file.close();
  if (!file) return absl::UnknownError(absl::StrCat(path, ": cannot be written"));
  return absl::OkStatus();
}

void PrintResult(const EmbedResult& result) {
  std::printf("%s: %s vectors\n", result.id.c_str(),
              FormatCount(static_cast<std::int64_t>(result.embeddings.size())).c_str());
  for (const Embedding& embedding : result.embeddings) {
    double sum = 0;
    for (const float value : embedding.values) sum += static_cast<double>(value) * value;
    std::printf("  %-8s node %-6d bytes %d to %d  length %.3f  [",
                EmbeddingLevelName(embedding.level), embedding.node,
                static_cast<int>(embedding.source.begin), static_cast<int>(embedding.source.end),
                std::sqrt(sum));
    for (std::size_t i = 0; i < std::min<std::size_t>(4, embedding.values.size()); ++i) {
      std::printf("%s%.3f", i == 0 ? "" : " ", embedding.values[i]);
    }
    std::printf("%s]\n", embedding.values.size() > 4 ? " …" : "");
  }
}

int Embed(const EmbedArguments& arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail("embed", format.status());
  const auto client = arguments.model.Connect();
  if (!client.ok()) return Fail("embed", client.status());
  EmbedOptions options;
  options.model = arguments.model.model_name();
  options.levels.clear();
  for (const std::string& level : arguments.levels) options.levels.push_back(LevelOf(level));
  options.normalize = arguments.normalize;
  options.max_tokens = arguments.max_tokens;
  options.truncation = arguments.truncate ? Truncation::kKeepHead : Truncation::kReject;
  options.timeout = arguments.model.timeout();

  const auto result = client->Embed(OpenArgument(arguments.file, *format), options);
  if (!result.ok()) {
    if (arguments.json) PrintLine(ErrorToJson(arguments.file, result.status()));
    return FailFor("embed", arguments.file, result.status());
  }
  if (!arguments.npy_path.empty()) {
    const absl::Status status = WriteNpy(result->embeddings, arguments.npy_path);
    if (!status.ok()) return Fail("embed", status);
  }
  if (arguments.json) {
    PrintLine(ToJson(*result));
  } else if (arguments.npy_path.empty()) {
    PrintResult(*result);
  }
  return kExitOk;
}

}  // namespace

void AddEmbedCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<EmbedArguments>();
  CLI::App& command =
      *app.add_subcommand("embed", "Vectors of a document, its sections, sentences or tokens");
  command.add_option("FILE", arguments->file, "The document; - is the standard input")->required();
  arguments->model.AddFlags(command);
  arguments->format.AddFlag(command);
  command.add_option("--levels", arguments->levels, "What gets a vector, one or more of these")
      ->delimiter(',')
      ->check(CLI::IsMember({"document", "section", "sentence", "token"}))
      ->capture_default_str()
      ->type_name("LEVEL,...");
  command.add_flag("--normalize", arguments->normalize, "Scale each vector to length 1");
  command.add_option("--max-tokens", arguments->max_tokens, "Refuse a longer document")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command.add_flag("--truncate", arguments->truncate, "Read the head of a longer one instead");
  command
      .add_option("--npy", arguments->npy_path,
                  "Write the vectors as a NumPy file, float32 [vectors, size]")
      ->type_name("OUT.npy");
  command.add_flag("--json", arguments->json, "Vectors with their bytes as one JSON object");
  command.footer(
      "Examples:\n"
      "  strata embed --levels document,section --json notes.md\n"
      "  strata embed --levels sentence --normalize --npy notes.npy notes.md");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Embed(*arguments); }; });
}

}  // namespace strata::cli
