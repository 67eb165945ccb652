#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
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
  std::string query;
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
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << std::string("\x93NUMPY\x01\x00", 8) << static_cast<char>(header.size() & 0xff)
       << static_cast<char>(header.size() >> 8) << header;
  for (const Embedding& embedding : embeddings) {
    file.write(reinterpret_cast<const char*>(embedding.values.data()),
               static_cast<std::streamsize>(embedding.values.size() * sizeof(float)));
  }
  file.close();
  if (file) return absl::OkStatus();
  const int error = errno != 0 ? errno : EIO;
  // What is there of it reads like a whole file.
  struct stat info = {};
  if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) std::remove(path.c_str());
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": cannot be written"));
}

void PrintResult(const EmbedResult& result) {
  std::printf("%s: %s\n", Printable(result.id).c_str(),
              Counted(static_cast<std::int64_t>(result.embeddings.size()), "vector").c_str());
  for (const Embedding& embedding : result.embeddings) {
    double sum = 0;
    for (const float value : embedding.values) sum += static_cast<double>(value) * value;
    std::printf("  %-8s  node %-5d  bytes %9s to %9s  length %7.3f  [",
                EmbeddingLevelName(embedding.level), embedding.node,
                FormatCount(embedding.source.begin).c_str(),
                FormatCount(embedding.source.end).c_str(), std::sqrt(sum));
    for (std::size_t i = 0; i < std::min<std::size_t>(4, embedding.values.size()); ++i) {
      std::printf("%s%6.3f", i == 0 ? "" : " ", embedding.values[i]);
    }
    std::printf("%s]\n", embedding.values.size() > 4 ? " …" : "");
  }
}

int Embed(const EmbedArguments& arguments) {
  const auto format = arguments.format.Get();
  if (!format.ok()) return Fail("embed", format.status(), arguments.json);
  const auto client = arguments.model.Connect(arguments.json);
  if (!client.ok()) return Fail("embed", client.status(), arguments.json);
  EmbedOptions options;
  options.model = arguments.model.model_name();
  options.levels.clear();
  for (const std::string& level : arguments.levels) options.levels.push_back(LevelOf(level));
  options.normalize = arguments.normalize;
  options.query = arguments.query;
  options.max_tokens = arguments.max_tokens;
  options.truncation = arguments.truncate ? Truncation::kKeepHead : Truncation::kReject;
  options.timeout = arguments.model.timeout();

  const auto result = client->Embed(OpenArgument(arguments.file, *format), options);
  if (!result.ok()) return FailFor("embed", arguments.file, result.status(), arguments.json);
  if (!arguments.npy_path.empty()) {
    const absl::Status status = WriteNpy(result->embeddings, arguments.npy_path);
    if (!status.ok()) return Fail("embed", status, arguments.json);
  }
  if (arguments.json) {
    PrintLine(ToJson(*result));
  } else if (arguments.npy_path.empty()) {
    PrintResult(*result);
  } else {
    const std::size_t width = result->embeddings.empty() ? 0 : result->embeddings[0].values.size();
    std::printf("%s: %s of %d numbers\n", Printable(arguments.npy_path).c_str(),
                Counted(static_cast<std::int64_t>(result->embeddings.size()), "vector").c_str(),
                static_cast<int>(width));
  }
  return kExitOk;
}

}  // namespace

void AddEmbedCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<EmbedArguments>();
  CLI::App& command =
      *app.add_subcommand("embed", "Vectors of a document, its sections, sentences or tokens");
  command
      .add_option("FILE", arguments->file,
                  "The document, image or sound, as the model reads; - is the standard input")
      ->required();
  arguments->model.AddFlags(command);
  arguments->format.AddFlag(command);
  command.add_option("--levels", arguments->levels, "What gets a vector, one or more of these")
      ->delimiter(',')
      ->check(CLI::IsMember({"document", "section", "sentence", "token"}))
      ->capture_default_str()
      ->type_name("LEVEL,...");
  command.add_flag("--normalize", arguments->normalize, "Scale each vector to length 1");
  command
      .add_option("--query", arguments->query,
                  "Text in front that the document's anchors see: a question, or a mode token")
      ->type_name("TEXT");
  AddLengthFlags(command, arguments->max_tokens, arguments->truncate);
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
