#include "models/layers/mel_spectrogram.h"

#include <cmath>
#include <numbers>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::models {
namespace {

// The definition, frame by frame in float64.
at::Tensor Naive(const MelSpectrogramSpec& spec, const at::Tensor& filters,
                 const at::Tensor& sound) {
  const auto* x = sound.const_data_ptr<float>();
  const int64_t samples = sound.size(0), reach = spec.n_fft / 2;
  const auto at_place = [&](int64_t place) {
    place = std::abs(place - reach);
    return static_cast<double>(x[place < samples ? place : 2 * (samples - 1) - place]);
  };
  at::Tensor out = at::empty({1 + samples / spec.hop, spec.num_mels}, at::kDouble);
  for (int64_t frame = 0; frame < out.size(0); ++frame) {
    at::Tensor power = at::empty({reach + 1}, at::kDouble);
    for (int64_t bin = 0; bin <= reach; ++bin) {
      double real = 0, imaginary = 0;
      for (int64_t i = 0; i < spec.n_fft; ++i) {
        const double turn = 2 * std::numbers::pi * static_cast<double>(i) / spec.n_fft;
        const double windowed = at_place(frame * spec.hop + i) * (0.5 - 0.5 * std::cos(turn));
        real += windowed * std::cos(turn * static_cast<double>(bin));
        imaginary -= windowed * std::sin(turn * static_cast<double>(bin));
      }
      power[bin] = real * real + imaginary * imaginary;
    }
    out[frame] = at::matmul(power, filters).clamp_min(1e-10).log10() * 10;
  }
  return out;
}

TEST(MelSpectrogram, EqualsItsDefinition) {
  at::manual_seed(3);
  MelSpectrogramSpec spec;
  spec.sample_rate = 16'000;
  spec.n_fft = 64;
  spec.hop = 20;
  spec.num_mels = 8;
  spec.max_frequency = 7000;
  const at::Tensor sound = at::randn({500}) * 0.1;
  for (const MelFlavor flavor : {MelFlavor::kTorchlibrosa, MelFlavor::kTransformers}) {
    spec.flavor = flavor;
    const MelSpectrogram mel(spec);
    auto logmel = mel(sound.unsqueeze(0));
    ASSERT_TRUE(logmel.ok()) << logmel.status();
    ASSERT_EQ(logmel->size(1), mel.NumFrames(500));
    EXPECT_LT(((*logmel)[0] - Naive(spec, mel.filters(), sound)).abs().max().item<double>(), 1e-3);
  }
}

TEST(MelSpectrogram, BlocksDoNotShow) {
  MelSpectrogramSpec spec;
  spec.n_fft = 16;
  spec.hop = 4;
  spec.num_mels = 4;
  const MelSpectrogram mel(spec);
  const at::Tensor sound = at::randn({1, 4 * 5000});  // 5001 frames, three blocks
  auto whole = mel(sound);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->size(1), 5001);
  // Frames far from the ends do not depend on where the sound begins.
  auto part = mel(sound.narrow(1, 4 * 2000, 4 * 1000));
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_TRUE(at::allclose(part->narrow(1, 10, 900), whole->narrow(1, 2010, 900), 1e-4, 1e-3));
}

TEST(MelSpectrogram, BandsAboveHalfTheRateStayEmpty) {
  MelSpectrogramSpec spec;
  spec.sample_rate = 16'000;
  const MelSpectrogram mel(spec);
  const at::Tensor sums = mel.filters().sum(0);
  EXPECT_EQ(sums.narrow(0, 55, 9).abs().max().item<double>(), 0);
  EXPECT_GT(sums.narrow(0, 0, 54).min().item<double>(), 0);
  auto logmel = mel(at::randn({1, 4000}));
  ASSERT_TRUE(logmel.ok());
  EXPECT_EQ(logmel->narrow(2, 55, 9).max().item<float>(), -100);
}

TEST(MelSpectrogram, SilenceAndShortSounds) {
  const MelSpectrogram mel({});
  auto silence = mel(at::zeros({1, 4000}));
  ASSERT_TRUE(silence.ok());
  EXPECT_EQ(silence->max().item<float>(), -100);
  EXPECT_TRUE(mel(at::zeros({1, 513})).ok());
  const auto status = mel(at::zeros({1, 512})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), testing::HasSubstr("needs more than 512"));
}

}  // namespace
}  // namespace strata::models
