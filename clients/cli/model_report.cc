#include "clients/cli/model_report.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "clients/cli/json_output.h"
#include "clients/cli/terminal.h"
#include "strata/checkpoint.h"

namespace strata::cli {
namespace {

std::string ShapeText(const std::vector<std::int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

void PrintSummary(const std::string& folder, const ModelInspection& inspection) {
  const ModelDescription& model = inspection.model;
  std::printf(
      "%s: %s%s\n", Printable(folder).c_str(), Printable(inspection.model_type).c_str(),
      model.architecture.empty() ? "" : absl::StrCat(", ", Printable(model.architecture)).c_str());
  if (!model.tasks.empty()) {
    std::printf("  tasks       %s\n", absl::StrJoin(model.tasks, ", ").c_str());
  }
  if (!model.tokenizer.empty()) {
    std::printf("  tokenizer   %s, %s entries\n", model.tokenizer.c_str(),
                FormatCount(model.vocab_size).c_str());
  }
  if (model.num_layers > 0) {
    std::printf("  network     %s of %d\n", Counted(model.num_layers, "layer").c_str(),
                model.hidden_size);
  }
  std::printf("  parameters  %s in %s\n", FormatCount(model.num_parameters).c_str(),
              Counted(static_cast<std::int64_t>(inspection.tensors.size()), "tensor").c_str());
  std::vector<std::string> types;
  for (const TypeDescription& type : inspection.types) {
    types.push_back(absl::StrCat(type.type, " ", FormatCount(type.num_parameters), " (",
                                 FormatBytes(type.size_bytes), ")"));
  }
  std::printf("  weights     %s: %s\n", inspection.format.c_str(),
              absl::StrJoin(types, ", ").c_str());
  if (!model.labels.empty()) {
    const std::string labels =
        absl::StrCat(Counted(static_cast<std::int64_t>(model.labels.size()), "label"), ": ",
                     Printable(absl::StrJoin(model.labels, ", ")));
    std::printf("  labels      %s\n",
                absl::StrReplaceAll(Wrap(labels, 66), {{"\n", "\n              "}}).c_str());
  }
  if (!inspection.loads.ok()) {
    std::printf("  This build cannot serve it: %s\n",
                Printable(std::string(inspection.loads.message())).c_str());
  }
}

void PrintTensors(const std::vector<TensorDescription>& tensors) {
  std::size_t width = 0;
  for (const TensorDescription& tensor : tensors) width = std::max(width, tensor.name.size());
  for (const TensorDescription& tensor : tensors) {
    std::printf("  %-*s  %-4s  %s\n", static_cast<int>(width), Printable(tensor.name).c_str(),
                tensor.type.c_str(), ShapeText(tensor.shape).c_str());
  }
}

Json ToJson(const std::string& folder, const ModelInspection& inspection) {
  Json json = cli::ToJson(inspection.model);
  json["id"] = folder;
  json["status"] = "OK";
  json["model_type"] = inspection.model_type;
  json["format"] = inspection.format;
  json["weights"] = inspection.weights_path;
  json["loads"] = inspection.loads.ok();
  if (!inspection.loads.ok()) json["loads_not_because"] = std::string(inspection.loads.message());
  json["types"] = Json::array();
  for (const TypeDescription& type : inspection.types) {
    json["types"].push_back({{"type", type.type},
                             {"num_tensors", type.num_tensors},
                             {"num_parameters", type.num_parameters},
                             {"size_bytes", type.size_bytes}});
  }
  json["tensors"] = Json::array();
  for (const TensorDescription& tensor : inspection.tensors) {
    json["tensors"].push_back({{"name", tensor.name},
                               {"type", tensor.type},
                               {"shape", tensor.shape},
                               {"size_bytes", tensor.size_bytes}});
  }
  Json config = Json::parse(inspection.config_json, nullptr, /*allow_exceptions=*/false);
  if (config.is_object()) json["config"] = std::move(config);
  return json;
}

}  // namespace

absl::Status ReportModel(const std::string& folder, const ModelReportOptions& options) {
  const auto inspection = InspectModel(folder);
  if (!inspection.ok()) return inspection.status();
  if (options.json) {
    PrintLine(ToJson(folder, *inspection));
    return absl::OkStatus();
  }
  PrintSummary(folder, *inspection);
  if (options.tensors) PrintTensors(inspection->tensors);
  return absl::OkStatus();
}

}  // namespace strata::cli
