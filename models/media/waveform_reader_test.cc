#include "models/media/waveform_reader.h"

#include <sndfile.h>

#include <cmath>
#include <numbers>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/media/audio_test_files.h"

namespace strata::models {
namespace {

std::vector<float> Resample(ResampleMethod method, int32_t source, int32_t target,
                            const std::vector<float>& in, size_t chunk) {
  auto resampler = Resampler::Create(method, source, target);
  EXPECT_TRUE(resampler.ok()) << resampler.status();
  std::vector<float> out;
  for (size_t done = 0; done < in.size(); done += chunk) {
    const auto piece = absl::MakeConstSpan(in).subspan(done, std::min(chunk, in.size() - done));
    EXPECT_TRUE((*resampler)->Push(piece, out).ok());
  }
  EXPECT_TRUE((*resampler)->Finish(out).ok());
  return out;
}

TEST(Resampler, ATonePassesAndChunksDoNotMatter) {
  for (const ResampleMethod method : {ResampleMethod::kSoxrHq, ResampleMethod::kSincHann}) {
    for (const auto& [source, target] :
         {std::pair{44'100, 48'000}, {48'000, 16'000}, {8'000, 32'000}, {22'050, 16'000}}) {
      const std::vector<float> in = Tone(1000, source, 1, source);
      const std::vector<float> out = Resample(method, source, target, in, in.size());
      // 44100 · (48000.0 / 44100) is a little above 48000, and librosa rounds that up.
      ASSERT_NEAR(static_cast<int32_t>(out.size()), target, 1);
      double worst = 0;
      // The ends ring, since the tone begins and stops at once.
      for (int32_t i = target / 10; i < target * 9 / 10; ++i) {
        const double expected = 0.5 * std::sin(2 * std::numbers::pi * 1000 * i / target);
        worst = std::max(worst, std::fabs(out[static_cast<size_t>(i)] - expected));
      }
      EXPECT_LT(worst, method == ResampleMethod::kSoxrHq ? 1e-5 : 5e-3) << source << target;
      for (const size_t chunk : {1, 17, 1000}) {
        EXPECT_EQ(Resample(method, source, target, in, chunk), out) << chunk;
      }
    }
  }
}

TEST(Resampler, TheLengthIsTakenUp) {
  for (const ResampleMethod method : {ResampleMethod::kSoxrHq, ResampleMethod::kSincHann}) {
    for (const size_t length : {1, 2, 3, 100, 101, 102}) {
      const std::vector<float> in(length, 0.25F);
      EXPECT_EQ(Resample(method, 3, 2, in, 7).size(), (length * 2 + 2) / 3);
      EXPECT_EQ(Resample(method, 2, 3, in, 7).size(), (length * 3 + 1) / 2);
      EXPECT_EQ(Resample(method, 5, 5, in, 7), in);
    }
  }
}

TEST(Resampler, WhatIsAboveHalfTheTargetRateIsGone) {
  for (const ResampleMethod method : {ResampleMethod::kSoxrHq, ResampleMethod::kSincHann}) {
    const std::vector<float> out =
        Resample(method, 48'000, 16'000, Tone(12'000, 48'000, 1, 48'000), 4096);
    double power = 0;
    for (size_t i = 2000; i < 14'000; ++i) power += static_cast<double>(out[i]) * out[i];
    EXPECT_LT(power / 12'000, method == ResampleMethod::kSoxrHq ? 1e-12 : 1e-6);
  }
}

TEST(Resampler, RatesThatCannotBeAreRefused) {
  EXPECT_EQ(Resampler::Create(ResampleMethod::kSoxrHq, 0, 16'000).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Resampler::Create(ResampleMethod::kSincHann, 16'000'001, 15'999'999).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(WaveformReader, ChannelsAreAveragedBeforeResampling) {
  const std::vector<float> stereo = Tone(500, 22'050, 2, 22'050);
  const std::string file = WriteAudio(stereo, 2, 22'050, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
  std::vector<float> mono;
  for (size_t i = 0; i < stereo.size(); i += 2) mono.push_back((stereo[i] + stereo[i + 1]) / 2);
  WaveformOptions options;
  options.sample_rate = 16'000;
  auto waveform = ReadWaveform(file, options);
  ASSERT_TRUE(waveform.ok()) << waveform.status();
  EXPECT_EQ(*waveform, Resample(ResampleMethod::kSoxrHq, 22'050, 16'000, mono, mono.size()));
}

TEST(WaveformReader, GivesAboutASecondAtATime) {
  const std::string file =
      WriteAudio(Tone(500, 44'100 * 5, 1, 44'100), 1, 44'100, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  auto reader = WaveformReader::Open(file, {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  size_t total = 0;
  for (bool more = true; more;) {
    std::vector<float> piece;
    auto result = (*reader)->Read(piece);
    ASSERT_TRUE(result.ok()) << result.status();
    more = *result;
    EXPECT_LE(piece.size(), 18'000U);
    total += piece.size();
  }
  EXPECT_EQ(total, 16'000U * 5);
}

TEST(WaveformReader, TooMuchForMemoryIsSaid) {
  const std::string file =
      WriteAudio(Tone(500, 44'100, 1, 44'100), 1, 44'100, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  const auto status = ReadWaveform(file, {}, 10'000).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.ToString(), testing::HasSubstr("more than 10000 samples"));
}

}  // namespace
}  // namespace strata::models
