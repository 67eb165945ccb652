// Tensors of KServe v2 on the wire: every rule of the protocol on datatypes, shapes and contents,
// checked before anything is taken from them.
#ifndef STRATA_SERVICES_GRPC_KSERVE_TENSOR_H_
#define STRATA_SERVICES_GRPC_KSERVE_TENSOR_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "inference/grpc_service.pb.h"

namespace strata::service {

constexpr int kMaxTensorRank = 8;
constexpr int64_t kMaxTensorElements = int64_t{1} << 31;

// INVALID_ARGUMENT with a path below `inputs` in all that follows.

// The product of a request's shape. At most kMaxTensorRank dimensions, each 0 or more.
absl::StatusOr<int64_t> NumElements(const inference::ModelInferRequest::InferInputTensor& tensor,
                                    const std::string& field);

// That a request's inputs are well formed, whatever their meaning: raw contents for all or none,
// one entry an input; a known datatype, and exactly as many elements as its shape says; typed
// contents only in the field of the datatype and within its range; FP16 and BF16 only raw.
absl::Status CheckInputs(const inference::ModelInferRequest& request);

// The elements of a BYTES input of a checked request; they live in it.
std::vector<std::string_view> BytesElements(const inference::ModelInferRequest& request, int input);

// Appends an output to a response, raw or typed. `shape` says how many elements there are.
void AddBytesOutput(const std::string& name, const std::vector<int64_t>& shape,
                    absl::Span<const std::string> elements, bool raw,
                    inference::ModelInferResponse* response);
void AddFloatOutput(const std::string& name, const std::vector<int64_t>& shape,
                    absl::Span<const float> elements, bool raw,
                    inference::ModelInferResponse* response);
void AddInt64Output(const std::string& name, const std::vector<int64_t>& shape,
                    absl::Span<const int64_t> elements, bool raw,
                    inference::ModelInferResponse* response);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_KSERVE_TENSOR_H_
