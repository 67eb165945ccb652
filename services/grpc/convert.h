// Protobuf ↔ the plain structs of runtime and models: the only place where both are named.
#ifndef STRATA_SERVICES_GRPC_CONVERT_H_
#define STRATA_SERVICES_GRPC_CONVERT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "services/runtime/match_task.h"
#include "services/runtime/runtime.h"
#include "services/runtime/text_tasks.h"
#include "strata/v1/strata_service.pb.h"

namespace strata::service {

constexpr size_t kMaxIdBytes = 256;
constexpr size_t kMaxNameBytes = 4 << 10;  // of a model or a file
constexpr size_t kMaxQueryBytes = 64 << 10;

// INVALID_ARGUMENT: `text`, which no permit counts, has over `max_bytes`.
absl::Status CheckLength(const std::string& field, const std::string& text, size_t max_bytes);

// The time by which the caller wants its answer, by telemetry::SteadyNow().
absl::Time DeadlineOf(const grpc::CallbackServerContext& context);
// The caller's W3C trace context; empty if there is none or it is malformed.
std::string TraceparentOf(const grpc::CallbackServerContext& context);

// Requests. INVALID_ARGUMENT names the field. A header's request has no document yet.
absl::StatusOr<runtime::Request> FromProto(const v1::ClassifyRequest& request);
absl::StatusOr<runtime::Request> FromProto(const v1::EmbedRequest& request);
absl::StatusOr<runtime::Request> FromProto(const v1::ClassifyStreamHeader& header);
absl::StatusOr<runtime::Request> FromProto(const v1::EmbedStreamHeader& header);
absl::StatusOr<runtime::Request> FromProto(const v1::SummarizeRequest& request);
absl::StatusOr<runtime::MatchRequest> FromProto(const v1::MatchRequest& request);
absl::StatusOr<runtime::InspectRequest> FromProto(const v1::InspectDocumentRequest& request);
runtime::TokenizeRequest FromProto(const v1::TokenizeRequest& request);

// Answers.
void ToProto(const runtime::Response& response, v1::ClassifyResult* result);
// Events alone: a part of an answer.
void ToProto(const std::vector<models::HeardEvent>& events, v1::ClassifyResult* result);
void ToProto(const runtime::Response& response, v1::EmbedResult* result);
void ToProto(const runtime::Response& response, v1::SummarizeResult* result);
void ToProto(const runtime::MatchResponse& response, v1::MatchResponse* out);
void ToProto(const runtime::TokenizeResponse& response, v1::TokenizeResponse* out);
void ToProto(const runtime::InspectResponse& response, bool include_text,
             v1::InspectDocumentResponse* out);
void ToProto(const std::string& name, const models::ModelInfo& info, v1::Model* model);

// Appends embeddings from `begin` on until `result` has about `max_bytes`, at least one; returns
// the index of the first that is left. After the last one comes what ToProto adds beside
// embeddings.
size_t AppendEmbeddings(const runtime::Response& response, size_t begin, size_t max_bytes,
                        v1::EmbedResult* result);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_CONVERT_H_
