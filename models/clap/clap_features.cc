#include "models/clap/clap_features.h"

#include <algorithm>
#include <array>
#include <memory>
#include <random>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/config_fields.h"

namespace strata::models {
namespace {

constexpr int64_t kFusedBands = 64;  // a constant of the reference

// Begin and size of the parts that numpy.array_split makes of `count` places.
struct Part {
  int64_t begin, size;
};

std::array<Part, 3> Thirds(int64_t count) {
  std::array<Part, 3> parts{};
  int64_t begin = 0;
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t size = count / 3 + (i < count % 3 ? 1 : 0);
    parts[static_cast<size_t>(i)] = {begin, size};
    begin += size;
  }
  return parts;
}

at::Tensor PadSound(const ClapFeatureSpec& spec, const at::Tensor& waveform) {
  const int64_t samples = waveform.size(0), wanted = spec.max_samples;
  if (samples == wanted) return waveform;
  at::Tensor sound = waveform;
  if (spec.padding == ClapPadding::kRepeat) {
    return sound.repeat({wanted / samples + 1}).narrow(0, 0, wanted);
  }
  if (spec.padding == ClapPadding::kRepeatPad) sound = sound.repeat({wanted / samples});
  return at::constant_pad_nd(sound, {0, wanted - sound.size(0)});
}

}  // namespace

absl::StatusOr<ClapFeatureSpec> ParseClapFeatureSpec(const std::string& json,
                                                     const std::string& where) {
  ClapFeatureSpec spec;
  spec.mel.flavor = MelFlavor::kTransformers;
  spec.mel.sample_rate = 48'000;
  spec.mel.hop = 480;
  spec.mel.min_frequency = 0;
  ConfigFields fields(json, where);
  fields.Size("feature_size", 1, spec.mel.num_mels);
  fields.Size("sampling_rate", 1, spec.mel.sample_rate);
  fields.Size("hop_length", 1, spec.mel.hop);
  fields.Size("fft_window_size", 2, spec.mel.n_fft);
  fields.Number("frequency_min", spec.mel.min_frequency);
  fields.Number("frequency_max", spec.mel.max_frequency);
  int32_t max_length_s = 10;
  fields.Size("max_length_s", 1, max_length_s);
  std::string truncation = "fusion", padding = "repeatpad";
  fields.Text("truncation", truncation);
  fields.Text("padding", padding);
  if (!fields.status().ok()) return fields.status();
  spec.max_samples = int64_t{max_length_s} * spec.mel.sample_rate;
  if (spec.max_samples > (int64_t{1} << 27)) {
    fields.Fail("max_length_s",
                absl::StrCat("is ", spec.max_samples, " samples, at most ", int64_t{1} << 27));
  }
  if (truncation == "rand_trunc") {
    spec.truncation = ClapTruncation::kRandomCrop;
  } else if (truncation != "fusion") {
    fields.Fail("truncation", absl::StrCat("is '", truncation, "', neither fusion nor rand_trunc"));
  }
  if (padding == "repeat") {
    spec.padding = ClapPadding::kRepeat;
  } else if (padding == "pad") {
    spec.padding = ClapPadding::kPad;
  } else if (padding != "repeatpad") {
    fields.Fail("padding", absl::StrCat("is '", padding, "', none of repeatpad, repeat and pad"));
  }
  const bool fusion = spec.truncation == ClapTruncation::kFusion;
  spec.mel.scale = fusion ? MelScale::kHtk : MelScale::kSlaney;
  spec.mel.slaney_norm = !fusion;
  if (!fields.status().ok()) return fields.status();
  if (absl::Status status = CheckMelSpectrogramSpec(spec.mel, where); !status.ok()) return status;
  return spec;
}

ClapDraw MiddleDraw() {
  return [](int64_t bound) { return bound / 2; };
}

ClapDraw NumpyDraw(uint32_t seed) {
  auto generator = std::make_shared<std::mt19937>(seed);
  return [generator](int64_t bound) -> int64_t {
    // Numbers of as many bits as the largest result has, until one is no larger.
    const auto largest = static_cast<uint32_t>(bound - 1);
    uint32_t mask = largest;
    for (int shift = 1; shift <= 16; shift *= 2) mask |= mask >> shift;
    if (largest == 0) return 0;
    while (true) {
      const uint32_t number = static_cast<uint32_t>((*generator)()) & mask;
      if (number <= largest) return number;
    }
  };
}

ClapFeatureExtractor::ClapFeatureExtractor(const ClapFeatureSpec& spec)
    : spec_(spec), mel_(spec.mel) {}

absl::StatusOr<at::Tensor> ClapFeatureExtractor::Spectrogram(const at::Tensor& waveform) const {
  auto mel = mel_(waveform.unsqueeze(0));
  if (!mel.ok()) return mel.status();
  return mel->squeeze(0);
}

absl::StatusOr<ClapFeatures> ClapFeatureExtractor::operator()(const at::Tensor& waveform,
                                                              const ClapDraw& draw) const {
  const int64_t samples = waveform.size(0), wanted = spec_.max_samples;
  if (samples == 0) return absl::InvalidArgumentError("a sound without samples");
  ClapFeatures features;
  if (samples <= wanted) {
    auto mel = Spectrogram(PadSound(spec_, waveform));
    if (!mel.ok()) return mel.status();
    features.input = mel->unsqueeze(0).expand({spec_.num_planes(), -1, -1});
    return features;
  }
  if (spec_.truncation == ClapTruncation::kRandomCrop) {
    auto mel = Spectrogram(waveform.narrow(0, draw(samples - wanted + 1), wanted));
    if (!mel.ok()) return mel.status();
    features.input = mel->unsqueeze(0);
    features.is_longer = true;
    return features;
  }
  auto mel = Spectrogram(waveform);
  if (!mel.ok()) return mel.status();
  const int64_t frames = spec_.num_frames();
  if (mel->size(0) == frames) {
    features.input = mel->unsqueeze(0).expand({4, -1, -1});
    return features;
  }
  if (mel->size(1) != kFusedBands) {
    return absl::UnimplementedError(
        absl::StrCat("fusion of a sound of more than ", wanted, " samples with ", mel->size(1),
                     " mel bands; the reference shrinks to ", kFusedBands, " and fails"));
  }
  std::vector<at::Tensor> planes = {at::upsample_bilinear2d(mel->unsqueeze(0).unsqueeze(0),
                                                            {frames, kFusedBands},
                                                            /*align_corners=*/false)[0][0]};
  for (const Part& part : Thirds(mel->size(0) - frames + 1)) {
    const int64_t begin = part.size == 0 ? 0 : part.begin + draw(part.size);
    planes.push_back(mel->narrow(0, begin, frames));
  }
  features.input = at::stack(planes, 0);
  features.is_longer = true;
  return features;
}

void MarkOneLonger(const ClapFeatureSpec& spec, std::vector<bool>& longer, const ClapDraw& draw) {
  if (spec.truncation != ClapTruncation::kFusion || longer.empty()) return;
  if (std::find(longer.begin(), longer.end(), true) != longer.end()) return;
  longer[static_cast<size_t>(draw(static_cast<int64_t>(longer.size())))] = true;
}

}  // namespace strata::models
