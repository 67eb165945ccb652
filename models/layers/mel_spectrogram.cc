#include "models/layers/mel_spectrogram.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

constexpr double kFloor = 1e-10;  // power; -100 dB
constexpr int64_t kBlock = 2048;  // frames

// Slaney's Auditory Toolbox: 200/3 Hz a mel up to 1 kHz, then 27 mels for a factor of 6.4.
constexpr double kLinearHz = 200.0 / 3, kBreakHz = 1000, kBreakMel = kBreakHz / kLinearHz;
const double kLogStep = std::log(6.4) / 27;

double ToMel(double hertz, MelScale scale) {
  if (scale == MelScale::kHtk) return 2595 * std::log10(1 + hertz / 700);
  if (hertz < kBreakHz) return hertz / kLinearHz;
  return kBreakMel + std::log(hertz / kBreakHz) / kLogStep;
}

double ToHertz(double mel, MelScale scale) {
  if (scale == MelScale::kHtk) return 700 * (std::pow(10, mel / 2595) - 1);
  if (mel < kBreakMel) return mel * kLinearHz;
  return kBreakHz * std::exp(kLogStep * (mel - kBreakMel));
}

// Triangles between neighbours of num_mels + 2 points that are equally far apart in mel.
at::Tensor MelFilters(const MelSpectrogramSpec& spec) {
  const int64_t bins = spec.n_fft / 2 + 1, mels = spec.num_mels;
  std::vector<double> points;
  const double first = ToMel(spec.min_frequency, spec.scale);
  const double last = ToMel(spec.max_frequency, spec.scale);
  for (int64_t i = 0; i < mels + 2; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(mels + 1);
    points.push_back(ToHertz(first + share * (last - first), spec.scale));
  }
  at::Tensor filters = at::zeros({bins, mels}, at::kDouble);
  auto* out = filters.mutable_data_ptr<double>();
  for (int64_t bin = 0; bin < bins; ++bin) {
    const double hertz =
        spec.flavor == MelFlavor::kTransformers
            ? static_cast<double>(bin * (spec.sample_rate / 2)) / static_cast<double>(bins - 1)
            : static_cast<double>(bin) * spec.sample_rate / spec.n_fft;
    for (int64_t m = 0; m < mels; ++m) {
      const double low = points[static_cast<size_t>(m)];
      const double middle = points[static_cast<size_t>(m + 1)];
      const double high = points[static_cast<size_t>(m + 2)];
      const double rising = (hertz - low) / (middle - low);
      const double falling = (high - hertz) / (high - middle);
      double weight = std::max(0.0, std::min(rising, falling));
      if (spec.slaney_norm) weight *= 2 / (high - low);
      out[bin * mels + m] = weight;
    }
  }
  return filters;
}

}  // namespace

absl::Status CheckMelSpectrogramSpec(const MelSpectrogramSpec& spec, const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
  };
  if (spec.sample_rate < 1) return refuse(absl::StrCat("a sample rate of ", spec.sample_rate));
  if (spec.n_fft < 2 || spec.n_fft > (1 << 16)) {
    return refuse(absl::StrCat("a window of ", spec.n_fft, " samples, outside 2..65536"));
  }
  if (spec.hop < 1) return refuse(absl::StrCat("a hop of ", spec.hop, " samples"));
  if (spec.num_mels < 1 || spec.num_mels > 4096) {
    return refuse(absl::StrCat(spec.num_mels, " mel bands, outside 1..4096"));
  }
  if (!(spec.min_frequency >= 0 && spec.max_frequency > spec.min_frequency)) {
    return refuse(absl::StrCat("mel bands from ", spec.min_frequency, " to ", spec.max_frequency,
                               " Hz; the first is 0 or above, the second above the first"));
  }
  return absl::OkStatus();
}

MelSpectrogram::MelSpectrogram(const MelSpectrogramSpec& spec)
    : spec_(spec), filters_(MelFilters(spec)) {
  const auto type = spec.flavor == MelFlavor::kTransformers ? at::kDouble : at::kFloat;
  window_ = at::hann_window(spec.n_fft, /*periodic=*/true, at::kDouble).to(type);
  compute_filters_ = filters_.to(type);
}

absl::StatusOr<at::Tensor> MelSpectrogram::operator()(const at::Tensor& waveform,
                                                      at::Tensor* power) const {
  const int64_t samples = waveform.size(1), reach = spec_.n_fft / 2;
  if (samples <= reach) {
    return absl::InvalidArgumentError(
        absl::StrCat("a sound of ", samples, " samples at ", spec_.sample_rate,
                     " Hz is too short: a spectrogram with windows of ", spec_.n_fft,
                     " needs more than ", reach));
  }
  const bool is_double = spec_.flavor == MelFlavor::kTransformers;
  const at::Tensor padded = at::reflection_pad1d(waveform.unsqueeze(1), {reach, reach}).squeeze(1);
  const int64_t frames = NumFrames(samples);
  std::vector<at::Tensor> blocks;
  for (int64_t first = 0; first < frames; first += kBlock) {
    const int64_t count = std::min(kBlock, frames - first);
    const at::Tensor sound =
        padded.narrow(1, first * spec_.hop, (count - 1) * spec_.hop + spec_.n_fft)
            .to(window_.scalar_type());
    at::Tensor spectrum =
        at::stft(sound, spec_.n_fft, spec_.hop, spec_.n_fft, window_, /*normalized=*/false,
                 /*onesided=*/true, /*return_complex=*/true);  // [B, bins, count]
    if (is_double) spectrum = spectrum.to(at::kComplexFloat).to(at::kComplexDouble);
    const at::Tensor squared = at::view_as_real(spectrum).square().sum(-1).transpose(1, 2);
    if (power != nullptr && first == 0) *power = squared;
    blocks.push_back(
        at::matmul(squared, compute_filters_).clamp_min(kFloor).log10().mul(10).to(at::kFloat));
  }
  return at::cat(blocks, 1);
}

}  // namespace strata::models
