// Log-mel spectrograms as the reference front ends compute them: frames around every hop-th sample,
// periodic Hann window, power spectrum, mel filter bank, decibels.
//
//   X = STFT(x), reflected by n_fft/2 at both ends     P = |X|²  [T, n_fft/2+1]
//   logmel = 10·log10(max(P·W, 1e-10))                  T = 1 + floor(samples / hop)
//
// Sources: torchlibrosa 0.1.0 (Spectrogram, LogmelFilterBank), librosa 0.11 (filters.mel),
// transformers 5 (audio_utils.spectrogram, mel_filter_bank).
#ifndef STRATA_MODELS_LAYERS_MEL_SPECTROGRAM_H_
#define STRATA_MODELS_LAYERS_MEL_SPECTROGRAM_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace strata::models {

enum class MelScale : uint8_t {
  kSlaney,  // linear below 1 kHz, logarithmic above
  kHtk,     // 2595·log10(1 + f/700)
};

// Whose arithmetic is followed.
enum class MelFlavor : uint8_t {
  kTorchlibrosa,  // float32
  kTransformers,  // float64, the spectrum rounded to complex64; bands over 0 … floor(rate/2)
};

struct MelSpectrogramSpec {
  int32_t sample_rate = 32'000;  // Hz
  int32_t n_fft = 1024;          // window length and transform size, samples
  int32_t hop = 320;             // samples
  int32_t num_mels = 64;
  double min_frequency = 50;      // Hz
  double max_frequency = 14'000;  // Hz; above half the rate the upper bands stay empty (-100 dB)
  MelScale scale = MelScale::kSlaney;
  bool slaney_norm = true;  // each triangle divided by half its width in Hz
  MelFlavor flavor = MelFlavor::kTorchlibrosa;
};

// INVALID_ARGUMENT names the setting that cannot be. `where` stands in front of messages.
absl::Status CheckMelSpectrogramSpec(const MelSpectrogramSpec& spec, const std::string& where);

// Immutable; thread-safe.
class MelSpectrogram {
 public:
  // `spec` has been checked.
  explicit MelSpectrogram(const MelSpectrogramSpec& spec);

  const MelSpectrogramSpec& spec() const { return spec_; }
  // [n_fft/2+1, num_mels] float64.
  const at::Tensor& filters() const { return filters_; }

  // T of a sound.
  int64_t NumFrames(int64_t num_samples) const {
    return 1 + (num_samples + spec_.n_fft / 2 * 2 - spec_.n_fft) / spec_.hop;
  }

  // waveform [B, samples] → [B, T, num_mels] float32, in blocks: besides the result memory does not
  // grow with the sound. `power` (may be null) gets the power spectrum of the first frames, at most
  // a block of them, [B, frames, n_fft/2+1]. INVALID_ARGUMENT: n_fft/2 samples or fewer, which
  // cannot be reflected.
  absl::StatusOr<at::Tensor> operator()(const at::Tensor& waveform,
                                        at::Tensor* power = nullptr) const;

 private:
  MelSpectrogramSpec spec_;
  at::Tensor window_;           // [n_fft]
  at::Tensor filters_;          // float64
  at::Tensor compute_filters_;  // in the type that this computes in
};

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_MEL_SPECTROGRAM_H_
