#include "models/media/audio_reader.h"

#include <sndfile.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/media/audio_test_files.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

// Everything that a reader gives, read in odd pieces.
absl::StatusOr<std::vector<float>> ReadAll(std::string_view bytes,
                                           const AudioReadOptions& options = {},
                                           AudioInfo* info = nullptr) {
  auto reader = AudioReader::Open(bytes, options);
  if (!reader.ok()) return reader.status();
  if (info != nullptr) *info = (*reader)->info();
  std::vector<float> all, piece;
  while (true) {
    absl::Status status = (*reader)->Read(777, piece);
    if (!status.ok()) return status;
    if (piece.empty()) return all;
    all.insert(all.end(), piece.begin(), piece.end());
  }
}

std::string Bytes(float value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

TEST(AudioReader, ReadsEveryWordLengthOfWavAndFlac) {
  const std::vector<float> tone = Tone(440, 3000, 2, 44'100);
  const struct {
    int format;
    double step;  // of the coding
  } kinds[] = {{SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 1.0 / 128},
               {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1.0 / 32768},
               {SF_FORMAT_WAV | SF_FORMAT_PCM_24, 1.0 / 8388608},
               {SF_FORMAT_WAV | SF_FORMAT_PCM_32, 1e-7},
               {SF_FORMAT_WAV | SF_FORMAT_FLOAT, 0},
               {SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 0},
               {SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 1.0 / 8388608},
               {SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 1.0 / 32768},
               {SF_FORMAT_WAV | SF_ENDIAN_BIG | SF_FORMAT_PCM_16, 1.0 / 32768},
               {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 1.0 / 32768},
               {SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 1.0 / 8388608}};
  for (const auto& kind : kinds) {
    AudioInfo info;
    auto samples = ReadAll(WriteAudio(tone, 2, 44'100, kind.format), {}, &info);
    ASSERT_TRUE(samples.ok()) << std::hex << kind.format << samples.status();
    EXPECT_EQ(info.sample_rate, 44'100);
    EXPECT_EQ(info.num_channels, 2);
    EXPECT_EQ(info.num_frames, 3000);
    ASSERT_EQ(samples->size(), tone.size()) << std::hex << kind.format;
    double worst = 0;
    for (size_t i = 0; i < tone.size(); ++i) {
      worst = std::max(worst, std::fabs(static_cast<double>((*samples)[i]) - tone[i]));
    }
    EXPECT_LE(worst, kind.step) << std::hex << kind.format;
  }
}

TEST(AudioReader, IntegersAreScaledByTheirPowerOfTwo) {
  const std::string body = Little(0x7FFF, 2) + Little(0x8000, 2) + Little(1, 2);
  auto samples = ReadAll(WavOf(1, 1, 16'000, 16, body, 6));
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_EQ(*samples, (std::vector<float>{32767.0F / 32768, -1, 1.0F / 32768}));
  samples = ReadAll(WavOf(1, 1, 16'000, 24, Little(1, 3) + Little(0x800000, 3), 6));
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_EQ(*samples, (std::vector<float>{1.0F / 8388608, -1}));
}

TEST(AudioReader, ReadsLossyFormatsNearly) {
  const std::vector<float> tone = Tone(440, 48'000, 1, 48'000);
  const struct {
    int format;
    AudioFormat read;
  } kinds[] = {{SF_FORMAT_OGG | SF_FORMAT_VORBIS, AudioFormat::kOgg},
               {SF_FORMAT_OGG | SF_FORMAT_OPUS, AudioFormat::kOgg},
               {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, AudioFormat::kMp3}};
  for (const auto& kind : kinds) {
    AudioInfo info;
    auto samples = ReadAll(WriteAudio(tone, 1, 48'000, kind.format), {}, &info);
    ASSERT_TRUE(samples.ok()) << std::hex << kind.format << samples.status();
    EXPECT_EQ(info.format, kind.read);
    EXPECT_NEAR(static_cast<double>(samples->size()), 48'000, 2500);
    double power = 0;
    for (float sample : *samples) power += static_cast<double>(sample) * sample;
    EXPECT_NEAR(power / static_cast<double>(samples->size()), 0.125, 0.01)
        << std::hex << kind.format;
  }
}

TEST(AudioReader, TheContentDecidesNotTheName) {
  AudioReadOptions options;
  options.name = "song.mp3";
  EXPECT_TRUE(ReadAll(WavOf(1, 1, 8000, 8, "abcd", 4), options).ok());
  const auto status = ReadAll("\x89PNG\r\n\x1a\n....", options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("song.mp3: the content is none of WAV"));
  EXPECT_THAT(ReadAll("").status().ToString(), HasSubstr("empty"));
}

TEST(AudioReader, HeadersThatLieAreRefused) {
  const std::string body(1000, 'x');
  const auto message = [](const std::string& file) {
    const auto result = ReadAll(file);
    return result.ok() ? std::string("read") : std::string(result.status().message());
  };
  EXPECT_THAT(message(WavOf(1, 1, 16'000, 16, body, 5000)), HasSubstr("promises 5000 bytes"));
  EXPECT_THAT(message(WavOf(1, 0, 16'000, 16, body, 1000)), HasSubstr("0 channels"));
  EXPECT_THAT(message(WavOf(1, 1, 0, 16, body, 1000)), HasSubstr("at 0 Hz"));
  std::string contradiction = WavOf(1, 2, 16'000, 16, body, 1000);
  contradiction[32] = 2;
  EXPECT_THAT(message(contradiction), HasSubstr("contradicts itself"));
  std::string chunk = WavOf(1, 1, 16'000, 16, body, 1000);
  chunk.replace(16, 4, Little(0x7FFFFFFF, 4));
  EXPECT_THAT(message(chunk), HasSubstr("chunk at byte 12"));
  EXPECT_THAT(message(WavOf(1, 1, 16'000, 16, "", 0)), HasSubstr("no samples"));
  EXPECT_THAT(message("RIFF" + Little(4, 4) + "WAVE"), HasSubstr("without a data chunk"));
  // A writer that did not know the length is no liar.
  EXPECT_EQ(message(WavOf(1, 1, 16'000, 16, body, 0xFFFFFFFF)), "read");
}

TEST(AudioReader, TruncatedFilesOfEveryFormatAreRefused) {
  const std::vector<float> tone = Tone(440, 48'000, 1, 48'000);
  for (int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
                     SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_OGG | SF_FORMAT_OPUS,
                     SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III}) {
    const std::string whole = WriteAudio(tone, 1, 48'000, format);
    ASSERT_TRUE(ReadAll(whole).ok()) << std::hex << format;
    for (const double share : {0.0005, 0.01, 0.3, 0.7, 0.95}) {
      const auto length = static_cast<size_t>(share * static_cast<double>(whole.size()));
      const auto result = ReadAll(std::string_view(whole).substr(0, length));
      EXPECT_FALSE(result.ok()) << std::hex << format << " cut to " << share;
      EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    }
  }
}

TEST(AudioReader, FlippedBytesGiveSamplesOrAnErrorNeverMore) {
  const std::vector<float> tone = Tone(440, 20'000, 2, 48'000);
  for (int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_24, SF_FORMAT_WAV | SF_FORMAT_FLOAT,
                     SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_VORBIS,
                     SF_FORMAT_OGG | SF_FORMAT_OPUS, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III}) {
    const std::string whole = WriteAudio(tone, 2, 48'000, format);
    uint32_t state = 12345;
    const auto next = [&state] { return state = state * 1664525 + 1013904223; };
    for (int round = 0; round < 60; ++round) {
      std::string damaged = whole;
      // Half of the rounds within the headers, where it hurts.
      const size_t reach = round % 2 == 0 ? std::min<size_t>(200, damaged.size()) : damaged.size();
      for (int flip = 0; flip < 3; ++flip) {
        damaged[(next() >> 8) % reach] ^= static_cast<char>(1U << ((next() >> 8) % 8));
      }
      const auto result = ReadAll(damaged);
      if (!result.ok()) {
        EXPECT_NE(result.status().code(), absl::StatusCode::kInternal) << result.status();
        continue;
      }
      for (const float sample : *result) ASSERT_LE(std::fabs(sample), 1e6F);
    }
  }
}

TEST(AudioReader, SamplesThatAreNoNumbersAreRefusedWithTheirPlace) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string body = Bytes(0.5F) + Bytes(0.25F) + Bytes(0.5F) + Bytes(nan);
  auto status = ReadAll(WavOf(3, 2, 16'000, 32, body, 16)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("frame 1, channel 1 is nan"));
  status = ReadAll(WavOf(3, 1, 16'000, 32, Bytes(-1e30F), 4)).status();
  EXPECT_THAT(status.ToString(), HasSubstr("frame 0, channel 0"));
}

TEST(AudioReader, LimitsAreNamed) {
  const std::string file = WavOf(1, 8, 192'000, 8, std::string(8 * 1000, 'a'), 8000);
  EXPECT_TRUE(ReadAll(file).ok());
  AudioReadOptions options;
  const auto refused = [&](const char* text) {
    const auto status = ReadAll(file, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(status.ToString(), HasSubstr(text));
    options = {};
  };
  options.limits.max_sample_rate = 96'000;
  refused("at most 96000 Hz");
  options.limits.max_channels = 2;
  refused("at most 2 are read");
  options.limits.max_source_bytes = 100;
  refused("at most 100 are read");
  const std::string long_file = WavOf(1, 1, 100, 8, std::string(1000, 'a'), 1000);
  options.limits.max_seconds = 5;
  const auto status = ReadAll(long_file, options).status();
  EXPECT_THAT(status.ToString(), HasSubstr("10 s long, at most 5 s"));
}

}  // namespace
}  // namespace strata::models
