// The log of the services: one JSON object a line on stderr, in the background.
//
// A line has "time" (RFC 3339, UTC), "level", "event" and the fields given. Never log a document's
// text, nor an error message that may quote it: log ids, sizes, counts, codes and reasons.
#ifndef STRATA_SERVICES_TELEMETRY_JSON_LOG_H_
#define STRATA_SERVICES_TELEMETRY_JSON_LOG_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"

namespace strata::telemetry {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError, kOff };

// "debug", "info", "warning", "error", "off"; INVALID_ARGUMENT for another name.
absl::StatusOr<LogLevel> ParseLogLevel(std::string_view name);

struct LogField {
  std::string_view key;
  std::variant<std::string_view, int64_t, double, bool> value;
};

// Lines below this level are dropped; kOff until it is set, so that a program that embeds the
// runtime stays silent. May be changed at any time.
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);

// Never blocks on output: a thread of its own writes. When the reader of stderr is slow, lines over
// a backlog of 8192 are dropped and counted ("event":"log_dropped"). Strings that are not UTF-8 get
// replacement characters. Thread-safe.
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

// Waits until everything logged before has been written.
void FlushLog();

// Sends the lines (without the newline) elsewhere; null = stderr again. For tests.
void SetLogSink(std::function<void(const std::string& line)> sink);

}  // namespace strata::telemetry

#endif  // STRATA_SERVICES_TELEMETRY_JSON_LOG_H_
