#include "services/grpc/kserve_log_settings.h"

#include <algorithm>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/runtime/error_detail.h"
#include "services/telemetry/json_log.h"

namespace strata::service {
namespace {

using telemetry::LogLevel;
using Value = inference::LogSettingsRequest::SettingValue;

absl::Status Bad(const std::string& name, const std::string& message) {
  const std::string field = absl::StrCat("settings[", name, "]");
  return runtime::WithDetail(absl::InvalidArgumentError(absl::StrCat(field, ": ", message)),
                             {.reason = "INVALID_FIELD", .field = field});
}

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      break;
  }
  return "off";
}

LogLevel CurrentLevel() {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (telemetry::LogEnabled(level)) return level;
  }
  return LogLevel::kOff;
}

// Which lines are written; ours stand on each other, so only some of the combinations can be.
struct Lines {
  bool debug, info, warning, error;
};

absl::StatusOr<LogLevel> LevelOf(const Lines& lines) {
  const LogLevel level = lines.debug     ? LogLevel::kDebug
                         : lines.info    ? LogLevel::kInfo
                         : lines.warning ? LogLevel::kWarning
                         : lines.error   ? LogLevel::kError
                                         : LogLevel::kOff;
  const bool gap = (level < LogLevel::kInfo && !lines.info) ||
                   (level < LogLevel::kWarning && !lines.warning) ||
                   (level < LogLevel::kError && !lines.error);
  if (!gap) return level;
  return Bad("log_level", absl::StrCat("lines of level ", LevelName(level),
                                       " come with all graver ones; leave those on, or set "
                                       "log_level"));
}

absl::StatusOr<LogLevel> NewLevel(const inference::LogSettingsRequest& request, LogLevel level) {
  Lines lines{level <= LogLevel::kDebug, level <= LogLevel::kInfo, level <= LogLevel::kWarning,
              level <= LogLevel::kError};
  for (const auto& [name, value] : request.settings()) {
    if (name == "log_level") {
      if (value.parameter_choice_case() != Value::kStringParam) return Bad(name, "must be a text");
      const auto parsed = telemetry::ParseLogLevel(value.string_param());
      if (!parsed.ok()) return Bad(name, std::string(parsed.status().message()));
      if (request.settings_size() > 1) return Bad(name, "says all; give no other setting with it");
      return *parsed;
    }
    if (name == "log_verbose_level") {
      if (value.parameter_choice_case() != Value::kUint32Param) {
        return Bad(name, "must be a whole number of 0 or more");
      }
      lines.debug = value.uint32_param() > 0;
      continue;
    }
    if (name == "log_file" || name == "log_format") {
      return runtime::WithDetail(
          absl::UnimplementedError(
              absl::StrCat("settings[", name, "]: the log is JSON lines on standard error")),
          {.reason = "NOT_SUPPORTED", .field = absl::StrCat("settings[", name, "]")});
    }
    bool* const line = name == "log_info"      ? &lines.info
                       : name == "log_warning" ? &lines.warning
                       : name == "log_error"   ? &lines.error
                                               : nullptr;
    if (line == nullptr) {
      return Bad(name,
                 "is unknown; known: log_level, log_verbose_level, log_info, log_warning, "
                 "log_error");
    }
    if (value.parameter_choice_case() != Value::kBoolParam) {
      return Bad(name, "must be true or false");
    }
    *line = value.bool_param();
  }
  return LevelOf(lines);
}

}  // namespace

absl::Status ChangeLogSettings(const inference::LogSettingsRequest& request,
                               inference::LogSettingsResponse* response) {
  static std::mutex mu;  // one change after the other
  const std::lock_guard<std::mutex> lock(mu);
  LogLevel level = CurrentLevel();
  if (request.settings_size() > 0) {
    absl::StatusOr<LogLevel> wanted = NewLevel(request, level);
    if (!wanted.ok()) return wanted.status();
    // The change itself is told in any case.
    telemetry::SetLogLevel(std::min({level, *wanted, LogLevel::kInfo}));
    telemetry::Log(LogLevel::kInfo, "log_level",
                   {{"from", LevelName(level)}, {"to", LevelName(*wanted)}});
    telemetry::SetLogLevel(*wanted);
    level = *wanted;
  }
  auto& settings = *response->mutable_settings();
  settings["log_level"].set_string_param(LevelName(level));
  settings["log_info"].set_bool_param(level <= LogLevel::kInfo);
  settings["log_warning"].set_bool_param(level <= LogLevel::kWarning);
  settings["log_error"].set_bool_param(level <= LogLevel::kError);
  settings["log_verbose_level"].set_uint32_param(level <= LogLevel::kDebug ? 1 : 0);
  settings["log_format"].set_string_param("json");
  return absl::OkStatus();
}

}  // namespace strata::service
