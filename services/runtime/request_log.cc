#include "services/runtime/request_log.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "services/runtime/error_detail.h"
#include "services/telemetry/json_log.h"

namespace strata::runtime {
namespace {

using telemetry::LogLevel;

void LogAnswer(const std::string& id, const std::string& model, std::string_view task,
               int64_t num_bytes, const absl::StatusOr<Response>& answer) {
  if (!answer.ok()) {
    // Errors of the caller are his to read; only ours need somebody to look.
    const bool ours = answer.status().code() == absl::StatusCode::kInternal;
    const std::string code = absl::StatusCodeToString(answer.status().code());
    const std::string reason = DetailOf(answer.status()).reason;
    telemetry::Log(ours ? LogLevel::kError : LogLevel::kInfo, "request",
                   {{"id", id},
                    {"model", model},
                    {"task", task},
                    {"bytes", num_bytes},
                    {"code", code},
                    {"reason", reason}});
    return;
  }
  const Timings& timings = answer->timings;
  telemetry::Log(LogLevel::kInfo, "request",
                 {{"id", id},
                  {"model", answer->model},
                  {"task", task},
                  {"bytes", num_bytes},
                  {"tokens", answer->result.tokens.num_tokens},
                  {"code", "OK"},
                  {"prepare_ms", absl::ToDoubleMilliseconds(timings.prepare)},
                  {"queue_ms", absl::ToDoubleMilliseconds(timings.queue)},
                  {"compute_ms", absl::ToDoubleMilliseconds(timings.compute)},
                  {"total_ms", absl::ToDoubleMilliseconds(timings.total)}});
}

}  // namespace

Done LoggedDone(const Request& request, Done done) {
  if (!telemetry::LogEnabled(LogLevel::kError)) return done;
  const std::string_view task = request.task.task == models::Task::kClassify ? "classify" : "embed";
  return [id = request.id, model = request.model, task,
          num_bytes = static_cast<int64_t>(request.document.size()),
          done = std::move(done)](absl::StatusOr<Response> answer) mutable {
    LogAnswer(id, model, task, num_bytes, answer);
    done(std::move(answer));
  };
}

}  // namespace strata::runtime
