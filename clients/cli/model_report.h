// What a model folder holds, for people or as JSON: `strata inspect FOLDER`.
#ifndef STRATA_CLIENTS_CLI_MODEL_REPORT_H_
#define STRATA_CLIENTS_CLI_MODEL_REPORT_H_

#include <string>

#include "absl/status/status.h"

namespace strata::cli {

struct ModelReportOptions {
  bool json = false;
  bool tensors = false;  // also every tensor; JSON has them always
};

// Prints to stdout. Errors are those of InspectModel().
absl::Status ReportModel(const std::string& folder, const ModelReportOptions& options);

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_MODEL_REPORT_H_
