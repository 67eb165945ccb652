// Changes the rate of one channel of sound, chunk by chunk.
#ifndef STRATA_MODELS_MEDIA_RESAMPLER_H_
#define STRATA_MODELS_MEDIA_RESAMPLER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace strata::models {

// The two differ far above the tolerance of a mel spectrogram: a model is served with the one that
// it was made with.
enum class ResampleMethod : uint8_t {
  kSoxrHq,    // libsoxr, recipe HQ: librosa's default
  kSincHann,  // torchaudio.functional.resample's default: 6 zero crossings, Hann window, rolloff
              // 0.99
};

// Keeps what its filter spans, no more. Where the samples are cut into chunks does not change the
// result. Not thread-safe.
class Resampler {
 public:
  // Equal rates pass samples through. INVALID_ARGUMENT: a rate that is not above 0.
  // RESOURCE_EXHAUSTED: kSincHann for rates whose filter table would be over 64 MiB.
  static absl::StatusOr<std::unique_ptr<Resampler>> Create(ResampleMethod method,
                                                           int32_t source_rate,
                                                           int32_t target_rate);
  virtual ~Resampler() = default;

  // Appends to `out` what `in` makes certain.
  virtual absl::Status Push(absl::Span<const float> in, std::vector<float>& out) = 0;
  // Appends the rest: in all ceil(samples · target / source).
  virtual absl::Status Finish(std::vector<float>& out) = 0;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_MEDIA_RESAMPLER_H_
