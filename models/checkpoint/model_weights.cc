#include "models/checkpoint/model_weights.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/tensor_bundle.h"
#include "models/checkpoint/torch_checkpoint.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct KnownFile {
  const char* name;
  CheckpointFormat format;
  bool is_index;
};

constexpr KnownFile kKnownFiles[] = {
    {"model.safetensors", CheckpointFormat::kSafetensors, false},
    {"model.safetensors.index.json", CheckpointFormat::kSafetensors, true},
    {"pytorch_model.bin", CheckpointFormat::kTorch, false},
    {"pytorch_model.bin.index.json", CheckpointFormat::kTorch, true},
};

struct Ending {
  const char* ending;
  CheckpointFormat format;
};

constexpr Ending kEndings[] = {
    {".safetensors", CheckpointFormat::kSafetensors},
    {".bin", CheckpointFormat::kTorch},
    {".pt", CheckpointFormat::kTorch},
    {".pth", CheckpointFormat::kTorch},
    {".ckpt", CheckpointFormat::kTorch},
};

absl::Status Bad(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

std::optional<CheckpointFormat> FormatOfEnding(const fs::path& path) {
  for (const Ending& row : kEndings) {
    if (path.extension() == row.ending) return row.format;
  }
  return std::nullopt;
}

// The regular files of a folder that `wanted` takes, sorted.
template <typename Wanted>
std::vector<fs::path> FilesOf(const fs::path& folder, Wanted wanted) {
  std::vector<fs::path> found;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code not_regular;
    if (entry->is_regular_file(not_regular) && wanted(entry->path())) {
      found.push_back(entry->path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

absl::Status Several(const std::string& folder, const std::vector<fs::path>& found) {
  return Bad(folder, absl::StrCat("holds several checkpoints (",
                                  absl::StrJoin(found, ", ",
                                                [](std::string* out, const fs::path& path) {
                                                  *out += path.filename().string();
                                                }),
                                  "); name one of them"));
}

WeightFiles BundleOf(fs::path index) {
  index.replace_extension();
  return {CheckpointFormat::kTensorBundle, index.string(), false};
}

// model_checkpoint_path: "NAME" of TensorFlow's own note beside its checkpoints. A name with
// folders in it was written on another machine; its last part is meant.
std::optional<fs::path> NamedByCheckpointFile(const fs::path& folder) {
  std::ifstream file(folder / "checkpoint");
  std::string line;
  while (std::getline(file, line)) {
    constexpr std::string_view kField = "model_checkpoint_path:";
    const size_t begin = line.find('"'), end = line.rfind('"');
    if (!line.starts_with(kField) || begin == std::string::npos || end <= begin) continue;
    const fs::path name = fs::path(line.substr(begin + 1, end - begin - 1)).filename();
    fs::path index = folder / name;
    index += ".index";
    std::error_code error;
    if (fs::exists(index, error)) return index;
  }
  return std::nullopt;
}

absl::StatusOr<WeightFiles> FindInFolder(const std::string& folder) {
  std::error_code error;
  for (const KnownFile& known : kKnownFiles) {
    const fs::path file = fs::path(folder) / known.name;
    if (fs::exists(file, error)) return WeightFiles{known.format, file.string(), known.is_index};
  }
  if (const auto index = NamedByCheckpointFile(folder)) return BundleOf(*index);
  const std::vector<fs::path> indices =
      FilesOf(folder, [](const fs::path& path) { return path.extension() == ".index"; });
  if (indices.size() > 1) return Several(folder, indices);
  if (indices.size() == 1) return BundleOf(indices[0]);
  // Other safetensors files of a folder need not be weights.
  const std::vector<fs::path> others = FilesOf(folder, [](const fs::path& path) {
    return FormatOfEnding(path) == CheckpointFormat::kTorch;
  });
  if (others.size() > 1) return Several(folder, others);
  if (others.size() == 1) return WeightFiles{CheckpointFormat::kTorch, others[0].string(), false};
  return absl::NotFoundError(absl::StrCat(
      folder, " holds no weights: neither model.safetensors nor pytorch_model.bin (or their ",
      ".index.json) nor a TensorFlow checkpoint (*.index)"));
}

absl::StatusOr<TensorMap> ReadOne(CheckpointFormat format, const std::string& path) {
  switch (format) {
    case CheckpointFormat::kSafetensors:
      return ReadSafetensors(path);
    case CheckpointFormat::kTorch:
      return ReadTorchCheckpoint(path);
    case CheckpointFormat::kTensorBundle:
      return ReadTensorBundle(path);
  }
  return absl::InternalError("no such format");
}

// {"weight_map": {tensor: file}}; transformers' form for both formats.
absl::StatusOr<TensorMap> ReadShards(CheckpointFormat format, const std::string& index_path) {
  std::ifstream stream(index_path);
  const Json index = Json::parse(stream, nullptr, false);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    return Bad(index_path, "needs an object 'weight_map'");
  }
  std::map<std::string, std::vector<std::string>> names_of_shard;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string()) return Bad(index_path, absl::StrCat("'", name, "' names no file"));
    const std::string file_name = shard.get<std::string>();
    // A shard is a plain file of this folder: an index must not reach outside it.
    if (file_name.empty() || fs::path(file_name).filename() != fs::path(file_name)) {
      return Bad(index_path, absl::StrCat("shard '", file_name, "' is not a plain name"));
    }
    names_of_shard[file_name].push_back(name);
  }
  TensorMap all;
  for (const auto& [shard, names] : names_of_shard) {
    auto tensors = ReadOne(format, (fs::path(index_path).parent_path() / shard).string());
    if (!tensors.ok()) return tensors.status();
    for (const std::string& name : names) {
      if (!tensors->contains(name)) {
        return Bad(index_path, absl::StrCat("tensor '", name, "' is not in ", shard));
      }
    }
    for (auto& [name, view] : *tensors) {
      if (!all.emplace(name, std::move(view)).second) {
        return Bad(index_path, absl::StrCat("tensor '", name, "' stands in two shards"));
      }
    }
  }
  return all;
}

}  // namespace

std::string_view CheckpointFormatName(CheckpointFormat format) {
  switch (format) {
    case CheckpointFormat::kSafetensors:
      return "safetensors";
    case CheckpointFormat::kTorch:
      return "pytorch";
    case CheckpointFormat::kTensorBundle:
      return "tensorflow";
  }
  return "";
}

absl::StatusOr<WeightFiles> FindWeights(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return FindInFolder(path);
  if (fs::exists(absl::StrCat(path, ".index"), error)) {
    return WeightFiles{CheckpointFormat::kTensorBundle, path, false};
  }
  if (!fs::exists(path, error)) return absl::NotFoundError(absl::StrCat("there is no ", path));
  if (fs::path(path).extension() == ".index") return BundleOf(path);
  if (const auto format = FormatOfEnding(path)) return WeightFiles{*format, path, false};
  for (const KnownFile& known : kKnownFiles) {
    if (known.is_index && fs::path(path).filename() == known.name) {
      return WeightFiles{known.format, path, true};
    }
  }
  return Bad(path, "no checkpoint by its ending (.safetensors, .bin, .pt, .pth, .ckpt, .index)");
}

absl::StatusOr<TensorMap> ReadWeights(const WeightFiles& files) {
  return files.is_index ? ReadShards(files.format, files.path) : ReadOne(files.format, files.path);
}

absl::StatusOr<TensorMap> ReadModelWeights(const std::string& path) {
  auto files = FindWeights(path);
  if (!files.ok()) return files.status();
  return ReadWeights(*files);
}

}  // namespace strata::models
