#include "services/grpc/status_details.h"

#include <simdjson.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "services/runtime/error_detail.h"

namespace strata::service {
namespace {

using runtime::DetailOf;
using runtime::ErrorDetail;

// Trailers have room for about 8 KB, and the text goes out up to three times.
constexpr size_t kMaxMessageBytes = 1024;

// A message may quote what was sent; a protobuf string must be UTF-8.
std::string Printable(absl::string_view message) {
  std::string text(message.data(), std::min(message.size(), kMaxMessageBytes));
  if (text.size() < message.size()) {
    while (!text.empty() && (static_cast<unsigned char>(message[text.size()]) & 0xC0) == 0x80) {
      text.pop_back();  // no half character
    }
    text += "…";
  }
  if (simdjson::validate_utf8(text)) return text;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return text;
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status rpc_status;
  rpc_status.set_code(static_cast<int>(status.code()));
  rpc_status.set_message(Printable(status.message()));
  const ErrorDetail detail = DetailOf(status);

  google::rpc::ErrorInfo info;
  info.set_domain("strata");
  info.set_reason(detail.reason.empty() ? absl::StatusCodeToString(status.code()) : detail.reason);
  rpc_status.add_details()->PackFrom(info);

  if (!detail.field.empty()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(detail.field);
    violation->set_description(rpc_status.message());
    rpc_status.add_details()->PackFrom(bad_request);
  }
  if (detail.retry_delay > absl::ZeroDuration()) {
    google::rpc::RetryInfo retry_info;
    const int64_t nanos = absl::ToInt64Nanoseconds(detail.retry_delay);
    retry_info.mutable_retry_delay()->set_seconds(nanos / 1'000'000'000);
    retry_info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
    rpc_status.add_details()->PackFrom(retry_info);
  }
  return rpc_status;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  return grpc::Status(static_cast<grpc::StatusCode>(rpc_status.code()), rpc_status.message(),
                      rpc_status.SerializeAsString());
}

absl::Status AnswerTooLarge(int64_t num_bytes, int64_t max_message_bytes, const char* advice) {
  return runtime::WithDetail(
      absl::ResourceExhaustedError(absl::StrCat("the answer has ", num_bytes,
                                                " bytes; the server's message limit is ",
                                                max_message_bytes, "; ", advice)),
      {.reason = "RESPONSE_TOO_LARGE"});
}

void AddRetryPushback(const absl::Status& status, grpc::CallbackServerContext& context) {
  const absl::Duration delay = DetailOf(status).retry_delay;
  if (delay <= absl::ZeroDuration()) return;
  context.AddTrailingMetadata("grpc-retry-pushback-ms",
                              absl::StrCat(absl::ToInt64Milliseconds(delay)));
}

}  // namespace strata::service
