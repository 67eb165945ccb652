// One ModelInfer of KServe v2: documents of a tensor through the runtime, answers into tensors.
#ifndef STRATA_SERVICES_GRPC_KSERVE_INFER_H_
#define STRATA_SERVICES_GRPC_KSERVE_INFER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "inference/grpc_service.pb.h"
#include "services/runtime/runtime.h"

namespace strata::service {

// Documents of one request. More are RESOURCE_EXHAUSTED.
constexpr int64_t kMaxInferDocuments = int64_t{1} << 16;

// What a request has from its call.
struct InferCaller {
  absl::Time deadline = absl::InfiniteFuture();
  std::string traceparent;
  int64_t max_response_bytes = 0;
};

using InferDone = absl::AnyInvocable<void(absl::StatusOr<inference::ModelInferResponse>)>;

// Never blocks. Every document is a request of its own to the runtime, under the same rules as any
// other, at most Limits::max_batch_documents of them at a time. A document that fails ends the call
// with its error, unless the output `error` was asked for by name: then the error is there, and the
// document's other outputs are empty or NaN. `done` runs exactly once, maybe before Infer returns.
// `request` lives until then. Errors: INVALID_ARGUMENT with the path of the field, NOT_FOUND
// (model, version), UNIMPLEMENTED (shared memory, a model without tensors), RESOURCE_EXHAUSTED
// (the answer would have over max_response_bytes), else as Runtime::Submit.
std::shared_ptr<runtime::Call> Infer(runtime::Runtime& runtime,
                                     const inference::ModelInferRequest& request,
                                     const InferCaller& caller, InferDone done);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_KSERVE_INFER_H_
