// The sounds of a golden case, as its encoded files hold them and as it gives them.
#ifndef STRATA_MODELS_VERIFY_CASE_SOUND_H_
#define STRATA_MODELS_VERIFY_CASE_SOUND_H_

#include <ATen/ATen.h>

#include "absl/status/statusor.h"
#include "models/media/resampler.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// Log-mel spectrograms in dB: quiet bands amplify float errors.
inline constexpr Tolerance kLogMelTolerance = {.absolute = 2e-3, .relative = 1e-4};

// File `index` decoded, mixed and resampled, [samples].
absl::StatusOr<at::Tensor> ReadCaseSound(const GoldenCase& golden, size_t index,
                                         int32_t sample_rate, ResampleMethod method);

// The input `name` of the case, [B, samples], against its encoded files, one row each; reported as
// "file.NAME". OK and nothing compared if the case has no such input.
absl::Status CompareCaseSound(const GoldenCase& golden, const std::string& name,
                              int32_t sample_rate, ResampleMethod method, Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_CASE_SOUND_H_
