#include "models/tokenizer/tokenizer.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/tokenizer/sentencepiece_tokenizer.h"
#include "models/tokenizer/tokenizer_file.h"
#include "models/tokenizer/tokenizer_json.h"

namespace strata::models {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return absl::ErrnoToStatus(errno, path);
  std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return absl::DataLossError(absl::StrCat(path, ": reading failed"));
  return content;
}

std::string ReadIfThere(const std::filesystem::path& path) {
  return ReadFile(path.string()).value_or(std::string());
}

}  // namespace

absl::StatusOr<std::string> FindTokenizerFile(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return absl::ErrnoToStatus(error ? error.value() : ENOENT, path);
  }
  if (!std::filesystem::is_directory(status)) return path;
  for (const char* name : {"tokenizer.json", "spiece.model", "tokenizer.model", "vocab.txt"}) {
    const std::filesystem::path file = std::filesystem::path(path) / name;
    if (std::filesystem::exists(file, error)) return file.string();
  }
  return absl::NotFoundError(absl::StrCat(
      path, ": holds none of tokenizer.json, spiece.model, tokenizer.model, vocab.txt"));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Load(const std::string& path) {
  absl::StatusOr<std::string> file = FindTokenizerFile(path);
  if (!file.ok()) return file.status();
  absl::StatusOr<std::string> content = ReadFile(*file);
  if (!content.ok()) return content.status();
  const std::string extension = std::filesystem::path(*file).extension().string();
  if (extension == ".model") return MakeSentencePieceTokenizer(*content, *file);
  if (extension == ".json") return MakeTokenizerFromJson(*content, *file);
  const std::filesystem::path folder = std::filesystem::path(*file).parent_path();
  return MakeTokenizerFromVocabulary(*content, ReadIfThere(folder / "tokenizer_config.json"),
                                     ReadIfThere(folder / "added_tokens.json"), *file);
}

}  // namespace strata::models
