// What CLAP's audio tower is given: log-mel spectrograms of a fixed length, made from sounds of
// any.
//
// Source: ClapFeatureExtractor of transformers 5 and its preprocessor_config.json. Where that class
// asks numpy's global generator, here the caller is asked, so that equal inputs give equal results.
#ifndef STRATA_MODELS_CLAP_CLAP_FEATURES_H_
#define STRATA_MODELS_CLAP_CLAP_FEATURES_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "models/layers/mel_spectrogram.h"

namespace strata::models {

// What becomes of a sound that is longer than max_samples.
enum class ClapTruncation : uint8_t {
  kRandomCrop,  // "rand_trunc": a stretch of max_samples
  // "fusion": four spectrograms: the whole sound shrunk to the length of a stretch, then three
  // stretches from its front, middle and back thirds. Shorter sounds give four equal ones.
  kFusion,
};

// And of one that is shorter.
enum class ClapPadding : uint8_t {
  kRepeatPad,  // whole copies, then zeros
  kRepeat,     // copies, the last one cut
  kPad,        // zeros
};

struct ClapFeatureSpec {
  MelSpectrogramSpec mel;  // rate, window, hop, bands; scale and norm follow from the truncation
  int64_t max_samples = 480'000;
  ClapTruncation truncation = ClapTruncation::kFusion;
  ClapPadding padding = ClapPadding::kRepeatPad;

  // Frames of a stretch.
  int64_t num_frames() const { return max_samples / mel.hop + 1; }
  int64_t num_planes() const { return truncation == ClapTruncation::kFusion ? 4 : 1; }
};

// preprocessor_config.json. INVALID_ARGUMENT names the field; padding_value, top_db and
// return_attention_mask are read by the reference and change nothing. `where` stands in front of
// messages.
absl::StatusOr<ClapFeatureSpec> ParseClapFeatureSpec(const std::string& json,
                                                     const std::string& where);

// A number in 0 … bound-1 where the reference draws one.
using ClapDraw = std::function<int64_t(int64_t bound)>;

// Always the middle: what serving uses.
ClapDraw MiddleDraw();
// numpy's RandomState(seed).randint, which the reference calls.
ClapDraw NumpyDraw(uint32_t seed);

struct ClapFeatures {
  at::Tensor input;        // [planes, T, num_mels] float32
  bool is_longer = false;  // the three stretches differ from the whole (fusion only)
};

// Immutable; thread-safe.
class ClapFeatureExtractor {
 public:
  explicit ClapFeatureExtractor(const ClapFeatureSpec& spec);

  const ClapFeatureSpec& spec() const { return spec_; }

  // waveform [samples] float32 at the spec's rate. INVALID_ARGUMENT: too short for one window even
  // after padding, or empty. UNIMPLEMENTED: fusion of a long sound with other than 64 bands, where
  // the reference fails.
  absl::StatusOr<ClapFeatures> operator()(const at::Tensor& waveform, const ClapDraw& draw) const;

 private:
  absl::StatusOr<at::Tensor> Spectrogram(const at::Tensor& waveform) const;

  ClapFeatureSpec spec_;
  MelSpectrogram mel_;
};

// The reference marks one clip of a batch as longer where none is (fusion only): which one is
// drawn. A batch of one marks that one. `longer` of every clip, in order.
void MarkOneLonger(const ClapFeatureSpec& spec, std::vector<bool>& longer, const ClapDraw& draw);

}  // namespace strata::models

#endif  // STRATA_MODELS_CLAP_CLAP_FEATURES_H_
