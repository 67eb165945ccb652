#include "services/grpc/status_details.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "services/runtime/error_detail.h"

namespace strata::service {
namespace {

using runtime::DetailOf;
using runtime::ErrorDetail;

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t size = lead < 0x80                   ? 1
                        : lead >= 0xC2 && lead < 0xE0 ? 2
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xF0 && lead < 0xF5 ? 4
                                                      : 0;
    if (size == 0 || i + size > text.size()) return false;
    for (size_t k = 1; k < size; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    const auto next = size > 2 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((lead == 0xE0 && next < 0xA0) || (lead == 0xED && next > 0x9F) ||
        (lead == 0xF0 && next < 0x90) || (lead == 0xF4 && next > 0x8F)) {
      return false;
    }
    i += size;
  }
  return true;
}

// A message may quote what was sent; a protobuf string must be UTF-8.
std::string Printable(absl::string_view message) {
  std::string text(message.data(), message.size());
  if (IsUtf8(text)) return text;
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

void AddRetryPushback(const absl::Status& status, grpc::CallbackServerContext& context) {
  const absl::Duration delay = DetailOf(status).retry_delay;
  if (delay <= absl::ZeroDuration()) return;
  context.AddTrailingMetadata("grpc-retry-pushback-ms",
                              absl::StrCat(absl::ToInt64Milliseconds(delay)));
}

}  // namespace strata::service
