#include "services/runtime/error_detail.h"

#include <cstdint>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace strata::runtime {
namespace {

constexpr absl::string_view kReason = "strata/reason";
constexpr absl::string_view kField = "strata/field";
constexpr absl::string_view kStage = "strata/stage";
constexpr absl::string_view kRetryDelayMs = "strata/retry_delay_ms";

std::string Payload(const absl::Status& status, absl::string_view url) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace

absl::Status WithDetail(absl::Status status, const ErrorDetail& detail) {
  const auto set = [&status](absl::string_view url, const std::string& value) {
    status.SetPayload(url, absl::Cord(value));
  };
  if (!detail.reason.empty()) set(kReason, detail.reason);
  if (!detail.field.empty()) set(kField, detail.field);
  if (!detail.stage.empty()) set(kStage, detail.stage);
  if (detail.retry_delay > absl::ZeroDuration()) {
    set(kRetryDelayMs, absl::StrCat(absl::ToInt64Milliseconds(detail.retry_delay)));
  }
  return status;
}

absl::Status DrainingError() {
  return WithDetail(absl::UnavailableError("the server is shutting down; ask another one"),
                    {.reason = "DRAINING"});
}

ErrorDetail DetailOf(const absl::Status& status) {
  ErrorDetail detail;
  detail.reason = Payload(status, kReason);
  detail.field = Payload(status, kField);
  detail.stage = Payload(status, kStage);
  int64_t milliseconds = 0;
  if (absl::SimpleAtoi(Payload(status, kRetryDelayMs), &milliseconds)) {
    detail.retry_delay = absl::Milliseconds(milliseconds);
  }
  return detail;
}

}  // namespace strata::runtime
