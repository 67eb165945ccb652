// Runs a golden case (configuration, weights, input, expected output, tolerance) through the real
// engine parts and compares. Users check a converted checkpoint with it; tests check every model.
//
// Folder: case.json ("class", "tolerance_abs", ...), config.json, model.safetensors or another form
// of weights (with a pytorch_model.bin beside it both are run), input.safetensors,
// output.safetensors, a tokenizer where the case gives texts, and the encoded images or sounds that
// it lists.
#ifndef STRATA_MODELS_VERIFY_VERIFY_H_
#define STRATA_MODELS_VERIFY_VERIFY_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace strata::models {

struct VerifyOutput {
  std::string name;  // as in output.safetensors, or "text.input_ids" and the like; of the second of
                     // two weight files: "pytorch_model.bin: " before it
  // Over what the case says counts; infinity where a value is not finite. Where the case allows a
  // relative error too, a difference d of a value e counts as d · t / (t + rtol · |e|).
  double max_abs_error = 0;
  double tolerance = 0;  // 0: must be equal
  bool pass() const { return max_abs_error <= tolerance; }
};

struct VerifyResult {
  std::string case_name;  // the folder's name
  std::vector<VerifyOutput> outputs;
  double max_abs_error = 0;  // largest over the outputs with a tolerance
  double tolerance = 0;
  bool pass = false;    // something was compared, and every output passed
  absl::Status status;  // why the case could not be run; then pass is false
};

VerifyResult VerifyCase(const std::string& folder);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_VERIFY_H_
