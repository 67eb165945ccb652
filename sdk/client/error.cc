#include "strata/error.h"

#include "absl/strings/cord.h"

namespace strata {
namespace {

// The details travel as payloads of the status, in plain text.
constexpr char kRetryDelayPayload[] = "strata/retry_delay";
constexpr char kReasonPayload[] = "strata/reason";

}  // namespace

std::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryDelayPayload);
  absl::Duration delay;
  if (!payload.has_value() || !absl::ParseDuration(std::string(*payload), &delay)) {
    return std::nullopt;
  }
  return delay;
}

std::string ErrorReason(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonPayload);
  return payload.has_value() ? std::string(*payload) : std::string();
}

void SetRetryDelay(absl::Duration delay, absl::Status& status) {
  status.SetPayload(kRetryDelayPayload, absl::Cord(absl::FormatDuration(delay)));
}

void SetErrorReason(const std::string& reason, absl::Status& status) {
  status.SetPayload(kReasonPayload, absl::Cord(reason));
}

bool IsRetryable(const absl::Status& status) {
  return absl::IsUnavailable(status) ||
         (absl::IsResourceExhausted(status) && RetryDelay(status).has_value());
}

}  // namespace strata
