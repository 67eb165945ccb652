// What a model looks like to KServe v2: its tensors, metadata, configuration and statistics.
//
//   input   document     BYTES [n] or [n, 1]  text in UTF-8, or a file's bytes
//   output  label        BYTES [n, k]         classes, best first
//           probability  FP32  [n, k]         theirs
//           embedding    FP32  [n, C]         vectors of the documents
//           token_count  INT64 [n]            tokens that were computed
//           error        BYTES [n]            empty, or why this document has no answer
// label and probability: models with a classification head; k: all classes, or parameter top_k.
#ifndef STRATA_SERVICES_GRPC_KSERVE_MODEL_H_
#define STRATA_SERVICES_GRPC_KSERVE_MODEL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inference/grpc_service.pb.h"
#include "models/engine/engine.h"
#include "services/runtime/model_repository.h"

namespace strata::service {

inline constexpr std::string_view kDocumentTensor = "document";

enum class Output : uint8_t { kLabel, kProbability, kEmbedding, kTokenCount, kError };

// -1 = any.
struct OutputTensor {
  Output output;
  std::string_view name;
  std::string_view datatype;
  std::vector<int64_t> shape;
};

bool HasTask(const models::ModelInfo& info, models::Task task);

// What the model can be asked for; empty if it has no task of this protocol.
std::vector<OutputTensor> OutputsOf(const models::ModelInfo& info);

void FillMetadata(const runtime::ServedModel& model, const std::vector<int64_t>& versions,
                  inference::ModelMetadataResponse* response);
void FillConfig(const runtime::ServedModel& model, inference::ModelConfig* config);
void FillStatistics(const runtime::ServedModel& model, inference::ModelStatistics* statistics);

// NAME, or NAME@VERSION where there is one.
std::string ModelReference(const std::string& name, const std::string& version);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_KSERVE_MODEL_H_
