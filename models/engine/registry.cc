#include "models/engine/registry.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/clap/clap_encoder.h"
#include "models/dinat/dinat.h"
#include "models/fastervit/faster_vit.h"
#include "models/hat/hat_encoder.h"
#include "models/hdt/hdt_encoder.h"
#include "models/hiera/hiera.h"
#include "models/htsat/htsat_encoder.h"
#include "models/maxvit/maxvit.h"
#include "models/smith/smith_encoder.h"
#include "models/swin/swin.h"

namespace strata::models {
namespace {

template <typename Loader>
struct Row {
  const char* model_type;
  Loader load;
};

// One line an architecture. "hed" is how the hub lists the published HDT-E.
constexpr Row<EncoderLoader> kArchitectures[] = {
    {"hierarchical-transformer", LoadHatEncoder},
    {"hdt", LoadHdtEncoder},
    {"hed", LoadHdtEncoder},
    {"smith", LoadSmithEncoder},
};

constexpr Row<AudioEncoderLoader> kAudioArchitectures[] = {
    {"clap", LoadClapAudioEncoder},
    {"clap_audio_model", LoadClapAudioEncoder},
    {"htsat", LoadHtsatEncoder},
};

// A name that ends with "_" stands for timm's architectures that begin so.
constexpr Row<ImageEncoderLoader> kImageArchitectures[] = {
    {"swin", Swin::Load},    {"swin_", Swin::Load},           {"dinat", Dinat::Load},
    {"nat", Dinat::Load},    {"faster_vit", FasterVit::Load}, {"hiera", Hiera::Load},
    {"hiera_", Hiera::Load}, {"maxvit_", MaxVit::Load},
};

template <typename Loader, size_t kSize>
absl::StatusOr<Loader> Find(const Row<Loader> (&rows)[kSize], const std::string& model_type) {
  std::string known;
  for (const Row<Loader>& row : rows) {
    if (model_type == row.model_type) return row.load;
    absl::StrAppend(&known, known.empty() ? "" : ", ", row.model_type);
  }
  return absl::UnimplementedError(
      absl::StrCat("model_type '", model_type, "' is none of: ", known));
}

}  // namespace

absl::StatusOr<EncoderLoader> FindEncoderLoader(const std::string& model_type) {
  return Find(kArchitectures, model_type);
}

absl::StatusOr<AudioEncoderLoader> FindAudioEncoderLoader(const std::string& model_type) {
  return Find(kAudioArchitectures, model_type);
}

ImageEncoderLoader FindImageEncoderLoader(const std::string& name) {
  for (const Row<ImageEncoderLoader>& row : kImageArchitectures) {
    const bool begins_so =
        absl::EndsWith(row.model_type, "_") && absl::StartsWith(name, row.model_type);
    if (name == row.model_type || begins_so) return row.load;
  }
  return nullptr;
}

}  // namespace strata::models
