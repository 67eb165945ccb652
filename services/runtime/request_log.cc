#include "services/runtime/request_log.h"

#include <string>

#include "absl/status/status.h"
#include "services/runtime/error_detail.h"
#include "services/telemetry/json_log.h"

namespace strata::runtime {

using telemetry::LogLevel;

void RequestLog::Answered(const AnsweredRequest& request) {
  if (!request.status.ok()) {
    // Errors of the caller are his to read; only ours need somebody to look.
    const bool ours = request.status.code() == absl::StatusCode::kInternal;
    const std::string code = absl::StatusCodeToString(request.status.code());
    const std::string reason = DetailOf(request.status).reason;
    telemetry::Log(ours ? LogLevel::kError : LogLevel::kInfo, "request",
                   {{"id", request.id},
                    {"model", request.model},
                    {"task", request.task},
                    {"bytes", request.num_bytes},
                    {"code", code},
                    {"reason", reason},
                    {"stage", request.stage},
                    {"traceparent", request.traceparent}});
    return;
  }
  const Timings& timings = request.response->timings;
  telemetry::Log(LogLevel::kInfo, "request",
                 {{"id", request.id},
                  {"model", request.model},
                  {"task", request.task},
                  {"bytes", request.num_bytes},
                  {"tokens", request.response->result.tokens.num_tokens},
                  {"code", "OK"},
                  {"prepare_ms", absl::ToDoubleMilliseconds(timings.prepare)},
                  {"queue_ms", absl::ToDoubleMilliseconds(timings.queue)},
                  {"compute_ms", absl::ToDoubleMilliseconds(timings.compute)},
                  {"total_ms", absl::ToDoubleMilliseconds(timings.total)},
                  {"traceparent", request.traceparent}});
}

}  // namespace strata::runtime
