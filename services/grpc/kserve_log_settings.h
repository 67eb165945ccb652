// The log's settings as KServe v2 speaks of them, read and changed while the server runs.
#ifndef STRATA_SERVICES_GRPC_KSERVE_LOG_SETTINGS_H_
#define STRATA_SERVICES_GRPC_KSERVE_LOG_SETTINGS_H_

#include "absl/status/status.h"
#include "inference/grpc_service.pb.h"

namespace strata::service {

// Changes all that is named or nothing, then fills in all settings. INVALID_ARGUMENT: an unknown
// name or value, levels with a gap between them. UNIMPLEMENTED: log_file, log_format.
absl::Status ChangeLogSettings(const inference::LogSettingsRequest& request,
                               inference::LogSettingsResponse* response);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_KSERVE_LOG_SETTINGS_H_
