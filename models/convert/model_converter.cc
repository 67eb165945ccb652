#include "models/convert/model_converter.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/staged_folder.h"
#include "models/checkpoint/tensor_values.h"
#include "models/engine/engine.h"
#include "models/smith/smith_release.h"

namespace strata::models {
namespace {

namespace fs = std::filesystem;

// What may stand beside the weights and belongs to the model.
constexpr const char* kCompanions[] = {
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "generation_config.json",
    "preprocessor_config.json",
};

absl::StatusOr<std::string> ReadFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// The folder that holds `path`, or `path` itself where it is one.
fs::path FolderOf(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? fs::path(path) : fs::path(path).parent_path();
}

absl::StatusOr<fs::path> FindConfig(const ConvertRequest& request) {
  if (!request.config_path.empty()) return fs::path(request.config_path);
  const fs::path folder = FolderOf(request.input);
  std::error_code error;
  if (fs::exists(folder / "config.json", error)) return folder / "config.json";
  std::vector<fs::path> settings;
  for (auto entry = fs::directory_iterator(folder.empty() ? "." : folder, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == ".pbtxt") settings.push_back(entry->path());
  }
  if (settings.size() == 1) return settings[0];
  return absl::NotFoundError(absl::StrCat("there is no config.json beside ", request.input,
                                          "; name the model's configuration"));
}

absl::StatusOr<std::string> ReadConfig(const fs::path& path) {
  auto text = ReadFile(path);
  if (!text.ok() || path.extension() != ".pbtxt") return text;
  return SmithConfigFromSettings(
      *text, [&](const std::string& name) { return ReadFile(path.parent_path() / name); },
      path.string());
}

// Drops what is no weight, refuses what is no number, changes the type.
absl::Status PrepareWeights(const std::optional<TensorType>& type, const std::string& where,
                            TensorMap& weights, ConvertReport& report) {
  for (auto weight = weights.begin(); weight != weights.end();) {
    const auto& [key, view] = *weight;
    if (report.format == CheckpointFormat::kTensorBundle && IsSmithTrainingState(key)) {
      report.left_out.push_back(key);
      weight = weights.erase(weight);
      continue;
    }
    if (!AllFinite(view)) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": weight '", key, "' holds NaN or infinity"));
    }
    ++weight;
  }
  for (auto& [key, view] : weights) {
    if (type) view = ConvertFloats(view, *type);
    ++report.num_tensors;
    report.num_parameters += view.num_elements();
    report.weight_bytes += view.size_bytes;
  }
  return absl::OkStatus();
}

absl::Status CopyFile(const fs::path& from, const fs::path& folder, ConvertReport& report) {
  std::error_code error;
  fs::copy_file(from, folder / from.filename(), fs::copy_options::overwrite_existing, error);
  if (error) {
    return absl::InternalError(absl::StrCat("cannot copy ", from.string(), ": ", error.message()));
  }
  report.copied_files.push_back(from.filename().string());
  return absl::OkStatus();
}

absl::Status CopyCompanions(const ConvertRequest& request, const fs::path& folder,
                            ConvertReport& report) {
  std::error_code error;
  if (!request.tokenizer_path.empty() && !fs::is_directory(request.tokenizer_path, error)) {
    return CopyFile(request.tokenizer_path, folder, report);
  }
  const fs::path source =
      FolderOf(request.tokenizer_path.empty() ? request.input : request.tokenizer_path);
  for (const char* name : kCompanions) {
    if (!fs::is_regular_file(source / name, error)) continue;
    if (absl::Status status = CopyFile(source / name, folder, report); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Loads the folder. A model or tokenizer that this build does not have is a reason, not an error.
absl::Status Check(const fs::path& folder, ConvertReport& report) {
  const auto engine = Engine::Load(folder.string());
  if (absl::IsInvalidArgument(engine.status())) return engine.status();
  report.unchecked_because = std::string(engine.status().message());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ConvertReport> ConvertModel(const ConvertRequest& request) {
  const fs::path output = fs::path(request.output_folder).lexically_normal();
  if (absl::Status free = CheckOutputFolder(output); !free.ok()) return free;
  auto files = FindWeights(request.input);
  if (!files.ok()) return files.status();
  auto config_path = FindConfig(request);
  if (!config_path.ok()) return config_path.status();
  auto config = ReadConfig(*config_path);
  if (!config.ok()) return config.status();
  auto weights = ReadWeights(*files);
  if (!weights.ok()) return weights.status();
  ConvertReport report;
  report.format = files->format;
  absl::Status status = PrepareWeights(request.type, files->path, *weights, report);
  if (!status.ok()) return status;

  auto staged = StagedFolder::Make(output);
  if (!staged.ok()) return staged.status();
  const fs::path& folder = staged->path();
  std::ofstream(folder / "config.json", std::ios::binary) << *config;
  status = WriteSafetensors((folder / "model.safetensors").string(), *weights, {{"format", "pt"}});
  if (status.ok()) status = CopyCompanions(request, folder, report);
  if (status.ok() && request.check) status = Check(folder, report);
  if (status.ok()) status = staged->Publish();
  if (!status.ok()) return status;
  return report;
}

}  // namespace strata::models
