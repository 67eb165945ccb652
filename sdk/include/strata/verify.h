// Runs a golden case (configuration, weights, input, expected output, tolerance) through the real
// engine and compares: the check of a converted checkpoint. Link strata::engine.
#ifndef STRATA_VERIFY_H_
#define STRATA_VERIFY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "strata/export.h"

namespace strata {

struct VerifyOutput {
  std::string name;          // of the expected output
  double max_abs_error = 0;  // over what the case says counts; infinity where not finite
  double tolerance = 0;      // 0: must be equal
  bool pass = false;
};

struct VerifyResult {
  std::string case_name;  // the folder's name
  std::vector<VerifyOutput> outputs;
  double max_abs_error = 0;  // largest over the outputs with a tolerance
  double tolerance = 0;
  bool pass = false;    // something was compared, and every output passed
  absl::Status status;  // why the case could not be run; then pass is false
};

// `folder`: case.json, config.json, model.safetensors, input.safetensors, output.safetensors.
STRATA_API VerifyResult VerifyCase(const std::string& folder);

}  // namespace strata

#endif  // STRATA_VERIFY_H_
