#include "models/verify/case_sound.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/media/waveform_reader.h"

namespace strata::models {
namespace {

// Of samples within ±1: two builds of a resampler differ by the rounding of float32.
constexpr Tolerance kSoundTolerance = {.absolute = 1e-5};

}  // namespace

absl::StatusOr<at::Tensor> ReadCaseSound(const GoldenCase& golden, size_t index,
                                         int32_t sample_rate, ResampleMethod method) {
  const GoldenFile& file = golden.files.at(index);
  WaveformOptions options;
  options.read.name = file.name;
  options.sample_rate = sample_rate;
  options.method = method;
  auto samples = ReadWaveform(file.bytes, options);
  if (!samples.ok()) return samples.status();
  return at::tensor(*samples, at::kFloat);
}

absl::Status CompareCaseSound(const GoldenCase& golden, const std::string& name,
                              int32_t sample_rate, ResampleMethod method, Comparison& comparison) {
  if (!golden.input.contains(name)) return absl::OkStatus();
  auto expected = golden.Input(name);
  if (!expected.ok()) return expected.status();
  for (size_t i = 0; i < golden.files.size(); ++i) {
    auto sound = ReadCaseSound(golden, i, sample_rate, method);
    if (!sound.ok()) return sound.status();
    const int64_t row = static_cast<int64_t>(i);
    if (row >= expected->size(0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("more files than rows of the input '", name, "'"));
    }
    // Shorter sounds of a batch are padded with zeros.
    at::Tensor padded = at::zeros({expected->size(1)});
    if (sound->size(0) <= padded.size(0)) padded.narrow(0, 0, sound->size(0)).copy_(*sound);
    comparison.CompareTo(
        absl::StrCat("file.", name, golden.files.size() > 1 ? absl::StrCat(".", i) : ""), padded,
        (*expected)[row], kSoundTolerance);
  }
  return absl::OkStatus();
}

}  // namespace strata::models
