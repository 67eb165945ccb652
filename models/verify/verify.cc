#include "models/verify/verify.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/verify/clap_verify.h"
#include "models/verify/golden_case.h"
#include "models/verify/hdt_verify.h"
#include "models/verify/htsat_verify.h"
#include "models/verify/image_verify.h"

namespace strata::models {
namespace {

struct Row {
  const char* class_prefix;
  absl::Status (*verify)(const GoldenCase& golden, Comparison& comparison);
};

// HDT by its classes, the others by model_type or timm's architecture.
constexpr Row kFamilies[] = {{"HDT", VerifyHdt},
                             {"htsat_frontend", VerifyHtsatFrontend},
                             {"htsat", VerifyHtsat},
                             {"clap_audio_model", VerifyClapAudio},
                             {"clap_text_model", VerifyClapText},
                             {"clap", VerifyClap},
                             {"swin", VerifyImage},
                             {"hiera", VerifyImage},
                             {"maxvit", VerifyImage},
                             {"faster_vit", VerifyImage},
                             {"dinat", VerifyImage},
                             {"nat", VerifyImage}};

VerifyResult Run(const GoldenCase& golden) {
  for (const Row& row : kFamilies) {
    if (!absl::StartsWith(golden.class_name(), row.class_prefix)) continue;
    Comparison comparison(golden);
    const absl::Status status = row.verify(golden, comparison);
    VerifyResult result = comparison.Finish();
    if (!status.ok()) {
      result.status = status;
      result.pass = false;
    }
    return result;
  }
  VerifyResult result;
  result.status = absl::UnimplementedError(
      absl::StrCat("case.json: no model of class '", golden.class_name(), "' is known"));
  return result;
}

}  // namespace

VerifyResult VerifyCase(const std::string& folder) {
  VerifyResult result;
  // ATen and the JSON library report by exceptions; none may pass this line.
  try {
    auto golden = GoldenCase::Read(folder);
    if (golden.ok()) {
      result = Run(*golden);
    } else {
      result.status = golden.status();
    }
  } catch (const std::exception& error) {
    result.status = absl::InvalidArgumentError(error.what());
  }
  const std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
  result.case_name =
      path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
  return result;
}

}  // namespace strata::models
