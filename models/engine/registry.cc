#include "models/engine/registry.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/hdt/hdt_encoder.h"

namespace strata::models {
namespace {

struct Row {
  const char* model_type;
  EncoderLoader load;
};

// One line an architecture. "hed" is how the hub lists the published HDT-E.
constexpr Row kArchitectures[] = {
    {"hdt", LoadHdtEncoder},
    {"hed", LoadHdtEncoder},
};

}  // namespace

absl::StatusOr<EncoderLoader> FindEncoderLoader(const std::string& model_type) {
  std::string known;
  for (const Row& row : kArchitectures) {
    if (model_type == row.model_type) return row.load;
    absl::StrAppend(&known, known.empty() ? "" : ", ", row.model_type);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("model_type '", model_type, "' is none of: ", known));
}

}  // namespace strata::models
