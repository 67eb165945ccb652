// A ModelInferRequest, checked and understood.
#ifndef STRATA_SERVICES_GRPC_KSERVE_REQUEST_H_
#define STRATA_SERVICES_GRPC_KSERVE_REQUEST_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "inference/grpc_service.pb.h"
#include "models/engine/result.h"
#include "services/grpc/kserve_infer.h"
#include "services/grpc/kserve_model.h"
#include "services/runtime/runtime.h"

namespace strata::service {

struct InferPlan {
  std::shared_ptr<const runtime::ServedModel> model;
  std::vector<std::string_view> documents;  // [n]; they live in the message
  std::vector<OutputTensor> outputs;        // in the order of the answer
  std::vector<models::TaskRequest> tasks;   // for each document; one or two
  // What all documents have in common: all but id, document and task.
  runtime::Request common;
  bool error_by_document = false;  // `error` was asked for by name
  bool raw = false;                // the answer's contents
};

// See Infer for the errors.
absl::StatusOr<InferPlan> MakeInferPlan(const runtime::Runtime& runtime,
                                        const inference::ModelInferRequest& request,
                                        const InferCaller& caller);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_KSERVE_REQUEST_H_
