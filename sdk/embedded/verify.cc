#include "strata/verify.h"

#include <utility>

#include "models/verify/verify.h"

namespace strata {

VerifyResult VerifyCase(const std::string& folder) {
  models::VerifyResult result = models::VerifyCase(folder);
  VerifyResult converted;
  converted.case_name = std::move(result.case_name);
  for (models::VerifyOutput& output : result.outputs) {
    converted.outputs.push_back(
        {std::move(output.name), output.max_abs_error, output.tolerance, output.pass()});
  }
  converted.max_abs_error = result.max_abs_error;
  converted.tolerance = result.tolerance;
  converted.pass = result.pass;
  converted.status = std::move(result.status);
  return converted;
}

}  // namespace strata
