// Between the wire's messages and the SDK's plain structs.
#ifndef STRATA_SDK_REMOTE_CONVERT_H_
#define STRATA_SDK_REMOTE_CONVERT_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "strata/document.h"
#include "strata/options.h"
#include "strata/result.h"
#include "strata/v1/strata_service.pb.h"

namespace strata::internal {

// With the RetryInfo and ErrorInfo of the details (strata/error.h reads them).
absl::Status FromGrpc(const grpc::Status& status);
absl::Status FromProto(const google::rpc::Status& status);

v1::DocumentFormat ToProto(DocumentFormat format);
v1::ClassifyOptions ToProto(const ClassifyOptions& options);
v1::EmbedOptions ToProto(const EmbedOptions& options);
v1::SummarizeOptions ToProto(const SummarizeOptions& options);
v1::MatchOptions ToProto(const MatchOptions& options);

ClassifyResult FromProto(const v1::ClassifyResult& result);
// Appends the embeddings; the rest is taken from the last part.
void AppendFromProto(const v1::EmbedResult& part, EmbedResult& result);
SummarizeResult FromProto(const v1::SummarizeResult& result);
Ranking FromProto(const v1::MatchResponse& response);
TokenizeResult FromProto(const v1::TokenizeResponse& response);
DocumentStructure FromProto(const v1::InspectDocumentResponse& response);
ModelDescription FromProto(const v1::Model& model);

// A protobuf string must be UTF-8, a file name need not be: other bytes become '?'. At most
// `max_bytes`, the end is kept (it holds a file's ending).
std::string ToUtf8Tail(const std::string& text, std::size_t max_bytes);

}  // namespace strata::internal

#endif  // STRATA_SDK_REMOTE_CONVERT_H_
