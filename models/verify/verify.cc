#include "models/verify/verify.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/model_weights.h"
#include "models/verify/clap_verify.h"
#include "models/verify/golden_case.h"
#include "models/verify/hat_verify.h"
#include "models/verify/hdt_verify.h"
#include "models/verify/htsat_verify.h"
#include "models/verify/image_verify.h"
#include "models/verify/smith_verify.h"

namespace strata::models {
namespace {

struct Row {
  const char* class_prefix;
  absl::Status (*verify)(const GoldenCase& golden, Comparison& comparison);
};

// Documents by their classes, the others by model_type or timm's architecture.
constexpr Row kFamilies[] = {{"HAT", VerifyHat},
                             {"hierarchical-transformer", VerifyHat},
                             {"HDT", VerifyHdt},
                             {"hdt", VerifyHdt},
                             {"hed", VerifyHdt},
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
                             {"nat", VerifyImage},
                             {"smith", VerifySmith}};

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

// A folder may hold the same weights a second time, as save_pretrained's other format: that must
// give the same outputs.
void RunOtherFormat(GoldenCase golden, VerifyResult& result) {
  const std::string name = "pytorch_model.bin";
  const std::filesystem::path folder(golden.folder);
  if (!std::filesystem::exists(folder / name) ||
      !std::filesystem::exists(folder / "model.safetensors")) {
    return;
  }
  VerifyResult other;
  auto weights = ReadModelWeights((folder / name).string());
  if (weights.ok()) {
    golden.weights = *std::move(weights);
    other = Run(golden);
  } else {
    other.status = weights.status();
  }
  for (VerifyOutput& output : other.outputs) {
    output.name = absl::StrCat(name, ": ", output.name);
    result.outputs.push_back(std::move(output));
  }
  result.max_abs_error = std::max(result.max_abs_error, other.max_abs_error);
  result.pass &= other.pass;
  if (result.status.ok()) result.status = other.status;
}

}  // namespace

VerifyResult VerifyCase(const std::string& folder) {
  VerifyResult result;
  // ATen and the JSON library report by exceptions; none may pass this line.
  try {
    auto golden = GoldenCase::Read(folder);
    if (golden.ok()) {
      result = Run(*golden);
      RunOtherFormat(*std::move(golden), result);
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
