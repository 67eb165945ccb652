#include "models/convert/model_inspection.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/config_fields.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {
namespace {

// What config.json and the tokenizer say by themselves.
absl::StatusOr<ModelInfo> InfoWithoutEngine(const std::string& folder,
                                            const std::string& config_json) {
  ModelInfo info;
  ConfigFields fields(config_json, absl::StrCat(folder, "/config.json"));
  fields.Text("model_type", info.model_type);
  fields.Size("vocab_size", 0, info.vocab_size);
  fields.Labels(info.labels);
  if (!fields.status().ok()) return fields.status();
  info.architecture = fields.Architecture();
  if (const auto tokenizer = Tokenizer::Load(folder); tokenizer.ok()) {
    info.tokenizer = std::string((*tokenizer)->kind());
    info.vocab_size = (*tokenizer)->vocab_size();
  }
  return info;
}

}  // namespace

absl::StatusOr<ModelInspection> InspectModelFolder(const std::string& folder) {
  const std::string config_path = (std::filesystem::path(folder) / "config.json").string();
  std::ifstream stream(config_path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("cannot open ", config_path));
  ModelInspection inspection;
  inspection.config_json = std::string(std::istreambuf_iterator<char>(stream), {});
  auto files = FindWeights(folder);
  if (!files.ok()) return files.status();
  inspection.weights = *files;
  auto tensors = ReadWeights(*files);
  if (!tensors.ok()) return tensors.status();

  const auto engine = Engine::Load(folder);
  inspection.loads = engine.status();
  if (engine.ok()) {
    inspection.info = (*engine)->info();
  } else {
    auto info = InfoWithoutEngine(folder, inspection.config_json);
    if (!info.ok()) return info.status();
    inspection.info = *std::move(info);
  }
  inspection.info.num_parameters = inspection.info.weight_bytes = 0;
  std::map<TensorType, TypeSummary> types;
  for (const auto& [name, view] : *tensors) {
    inspection.tensors.push_back({name, view.type, view.shape, view.size_bytes});
    TypeSummary& summary = types[view.type];
    summary.type = view.type;
    ++summary.num_tensors;
    summary.num_parameters += view.num_elements();
    summary.size_bytes += view.size_bytes;
    inspection.info.num_parameters += view.num_elements();
    inspection.info.weight_bytes += view.size_bytes;
  }
  for (const auto& [type, summary] : types) inspection.types.push_back(summary);
  return inspection;
}

}  // namespace strata::models
