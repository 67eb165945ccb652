#include "strata/checkpoint.h"

#include <filesystem>
#include <utility>

#include "models/convert/model_converter.h"
#include "models/convert/model_inspection.h"
#include "sdk/embedded/convert.h"

namespace strata {

absl::StatusOr<ConvertReport> ConvertModel(const ConvertOptions& options) {
  models::ConvertRequest request;
  request.input = options.input;
  request.output_folder = options.output_folder;
  if (options.type == WeightType::kFloat32) request.type = models::TensorType::kFloat32;
  if (options.type == WeightType::kBFloat16) request.type = models::TensorType::kBFloat16;
  request.config_path = options.config_path;
  request.tokenizer_path = options.tokenizer_path;
  request.check = options.check;
  auto made = models::ConvertModel(request);
  if (!made.ok()) return made.status();
  ConvertReport report;
  report.format = std::string(models::CheckpointFormatName(made->format));
  report.num_tensors = made->num_tensors;
  report.num_parameters = made->num_parameters;
  report.weight_bytes = made->weight_bytes;
  report.left_out = std::move(made->left_out);
  report.copied_files = std::move(made->copied_files);
  report.unchecked_because = std::move(made->unchecked_because);
  return report;
}

absl::StatusOr<ModelInspection> InspectModel(const std::string& folder) {
  auto found = models::InspectModelFolder(folder);
  if (!found.ok()) return found.status();
  ModelInspection inspection;
  const std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
  inspection.model = internal::FromModels(
      (path.has_filename() ? path : path.parent_path()).filename().string(), found->info);
  inspection.model_type = found->info.model_type;
  inspection.loads = found->loads;
  inspection.config_json = std::move(found->config_json);
  inspection.format = std::string(models::CheckpointFormatName(found->weights.format));
  inspection.weights_path = found->weights.path;
  for (const models::TypeSummary& type : found->types) {
    inspection.types.push_back({std::string(models::TensorTypeName(type.type)), type.num_tensors,
                                type.num_parameters, type.size_bytes});
  }
  for (models::TensorSummary& tensor : found->tensors) {
    inspection.tensors.push_back({std::move(tensor.name),
                                  std::string(models::TensorTypeName(tensor.type)),
                                  std::move(tensor.shape), tensor.size_bytes});
  }
  return inspection;
}

}  // namespace strata
