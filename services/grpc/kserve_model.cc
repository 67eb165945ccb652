#include "services/grpc/kserve_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace strata::service {
namespace {

using models::Task;
using runtime::DurationSum;

constexpr char kPlatform[] = "strata";

inference::DataType ToConfigType(std::string_view datatype) {
  if (datatype == "FP32") return inference::TYPE_FP32;
  if (datatype == "INT64") return inference::TYPE_INT64;
  return inference::TYPE_STRING;
}

void Fill(const DurationSum& sum, inference::StatisticDuration* out) {
  out->set_count(static_cast<uint64_t>(sum.count));
  out->set_ns(static_cast<uint64_t>(absl::ToInt64Nanoseconds(sum.total)));
}

}  // namespace

bool HasTask(const models::ModelInfo& info, Task task) {
  return std::find(info.tasks.begin(), info.tasks.end(), task) != info.tasks.end();
}

std::vector<OutputTensor> OutputsOf(const models::ModelInfo& info) {
  std::vector<OutputTensor> outputs;
  if (HasTask(info, Task::kClassify)) {
    outputs.push_back({Output::kLabel, "label", "BYTES", {-1, -1}});
    outputs.push_back({Output::kProbability, "probability", "FP32", {-1, -1}});
  }
  if (HasTask(info, Task::kEmbed)) {
    outputs.push_back({Output::kEmbedding, "embedding", "FP32", {-1, info.hidden_size}});
  }
  if (outputs.empty()) return outputs;
  outputs.push_back({Output::kTokenCount, "token_count", "INT64", {-1}});
  outputs.push_back({Output::kError, "error", "BYTES", {-1}});
  return outputs;
}

void FillMetadata(const runtime::ServedModel& model, const std::vector<int64_t>& versions,
                  inference::ModelMetadataResponse* response) {
  const models::ModelInfo& info = model.engine->info();
  response->set_name(model.name);
  for (const int64_t version : versions) response->add_versions(absl::StrCat(version));
  response->set_platform(kPlatform);
  const std::vector<OutputTensor> outputs = OutputsOf(info);
  if (!outputs.empty()) {
    auto* input = response->add_inputs();
    input->set_name(std::string(kDocumentTensor));
    input->set_datatype("BYTES");
    input->add_shape(-1);
  }
  for (const OutputTensor& tensor : outputs) {
    auto* output = response->add_outputs();
    output->set_name(std::string(tensor.name));
    output->set_datatype(std::string(tensor.datatype));
    for (const int64_t size : tensor.shape) output->add_shape(size);
  }
  auto& properties = *response->mutable_properties();
  properties["architecture"] = info.architecture;
  properties["model_type"] = info.model_type;
  if (!info.labels.empty()) {
    properties["labels"] =
        nlohmann::json(info.labels).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

void FillConfig(const runtime::ServedModel& model, inference::ModelConfig* config) {
  const models::ModelInfo& info = model.engine->info();
  config->set_name(model.name);
  config->set_platform(kPlatform);
  config->set_backend(kPlatform);
  const std::vector<OutputTensor> outputs = OutputsOf(info);
  if (!outputs.empty()) {
    auto* input = config->add_input();
    input->set_name(std::string(kDocumentTensor));
    input->set_data_type(inference::TYPE_STRING);
    input->add_dims(-1);
  }
  for (const OutputTensor& tensor : outputs) {
    auto* output = config->add_output();
    output->set_name(std::string(tensor.name));
    output->set_data_type(ToConfigType(tensor.datatype));
    for (const int64_t size : tensor.shape) output->add_dims(size);
  }
  auto& parameters = *config->mutable_parameters();
  parameters["architecture"].set_string_value(info.architecture);
  parameters["model_type"].set_string_value(info.model_type);
  parameters["tokenizer"].set_string_value(info.tokenizer);
}

void FillStatistics(const runtime::ServedModel& model, inference::ModelStatistics* out) {
  const runtime::StatisticsSnapshot sums = model.statistics->snapshot();
  out->set_name(model.name);
  out->set_version(absl::StrCat(model.version));
  out->set_last_inference(static_cast<uint64_t>(absl::ToUnixMillis(sums.last_answer)));
  out->set_inference_count(static_cast<uint64_t>(sums.success.count));
  out->set_execution_count(static_cast<uint64_t>(sums.num_passes));
  auto* stats = out->mutable_inference_stats();
  Fill(sums.success, stats->mutable_success());
  Fill(sums.failure, stats->mutable_fail());
  Fill(sums.queue, stats->mutable_queue());
  Fill(sums.prepare, stats->mutable_compute_input());
  Fill(sums.compute, stats->mutable_compute_infer());
  Fill({sums.compute.count, absl::ZeroDuration()}, stats->mutable_compute_output());
  Fill(sums.cache_hit, stats->mutable_cache_hit());
  Fill(sums.cache_miss, stats->mutable_cache_miss());
  for (const auto& [num_documents, passes] : sums.passes) {
    auto* batch = out->add_batch_stats();
    batch->set_batch_size(static_cast<uint64_t>(num_documents));
    Fill(passes, batch->mutable_compute_infer());
    Fill({passes.count, absl::ZeroDuration()}, batch->mutable_compute_input());
    Fill({passes.count, absl::ZeroDuration()}, batch->mutable_compute_output());
  }
  auto* memory = out->add_memory_usage();
  memory->set_type("CPU");
  memory->set_byte_size(static_cast<uint64_t>(model.engine->info().weight_bytes));
}

std::string ModelReference(const std::string& name, const std::string& version) {
  return version.empty() ? name : absl::StrCat(name, "@", version);
}

}  // namespace strata::service
