// Sounds that are heard as they arrive.
#include <sndfile.h>

#include <algorithm>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/media/audio_test_files.h"
#include "models/media/waveform_reader.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

WaveformOptions At8Khz() {
  WaveformOptions options;
  options.sample_rate = 8000;
  options.read.name = "talk.wav";
  return options;
}

// What a reader gives of a file that arrives in pieces of `piece` bytes. `most_held`: bytes that
// the feed held at most.
absl::StatusOr<std::vector<float>> Arriving(const std::string& file, size_t piece,
                                            int64_t* most_held = nullptr) {
  int64_t held = 0, most = 0;
  const auto feed = std::make_shared<ByteFeed>([&](int64_t dropped) { held -= dropped; });
  std::unique_ptr<WaveformReader> reader;
  std::vector<float> samples;
  for (size_t begin = 0; begin <= file.size(); begin += piece) {
    const std::string part = file.substr(begin, piece);
    held += static_cast<int64_t>(part.size());
    most = std::max(most, held);
    feed->Append(part);
    if (begin + piece > file.size()) feed->Close();
    if (reader == nullptr) {
      const auto can = CanBeHeardAsItArrives(std::string_view(file).substr(0, begin + piece));
      if (!can) continue;
      auto opened = WaveformReader::Open(feed, At8Khz());
      if (!opened.ok()) return opened.status();
      reader = *std::move(opened);
    }
    while (!reader->must_wait()) {
      auto more = reader->Read(samples);
      if (!more.ok()) return more.status();
      if (!*more) break;
    }
  }
  if (most_held != nullptr) *most_held = most;
  if (reader == nullptr) return absl::NotFoundError("no header came");
  return samples;
}

TEST(AudioFeedTest, HowAFileArrivesDoesNotMatter) {
  const std::vector<float> tone = Tone(440, 44'100, 2, 44'100);
  for (const int format : {SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16, SF_FORMAT_PCM_24, SF_FORMAT_FLOAT,
                           SF_FORMAT_DOUBLE, SF_FORMAT_ULAW}) {
    const std::string file = WriteAudio(tone, 2, 44'100, SF_FORMAT_WAV | format);
    const auto whole = ReadWaveform(file, At8Khz());
    ASSERT_TRUE(whole.ok()) << whole.status();
    for (const size_t piece : {size_t{1013}, size_t{40'000}, file.size() + 1}) {
      const auto arrived = Arriving(file, piece);
      ASSERT_TRUE(arrived.ok()) << format << " " << piece << arrived.status();
      EXPECT_EQ(*arrived, *whole) << format << " " << piece;
    }
  }
  EXPECT_EQ(
      *Arriving(WriteAudio(tone, 2, 44'100, SF_FORMAT_WAVEX | SF_FORMAT_PCM_24), 777),
      *ReadWaveform(WriteAudio(tone, 2, 44'100, SF_FORMAT_WAVEX | SF_FORMAT_PCM_24), At8Khz()));
}

TEST(AudioFeedTest, WhatWasHeardIsLetGo) {
  const std::string file =
      WriteAudio(Tone(440, 600 * 8000, 1, 8000), 1, 8000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  int64_t most = 0;
  ASSERT_TRUE(Arriving(file, 10'000, &most).ok());
  EXPECT_LT(most, 40'000);
}

TEST(AudioFeedTest, ALengthThatNobodyKnowsIsTheEnds) {
  std::string body;
  for (int i = 0; i < 12'000; ++i) body += Little(static_cast<uint64_t>(i % 999), 2);
  const auto endless = Arriving(WavOf(1, 1, 8000, 16, body, 0xFFFFFFFF), 512);
  ASSERT_TRUE(endless.ok()) << endless.status();
  EXPECT_EQ(endless->size(), 12'000U);
}

TEST(AudioFeedTest, WhatStandsBehindTheSamplesIsNoSound) {
  std::string file = WavOf(1, 1, 8000, 16, std::string(8000, '\1'), 8000);
  file += "LIST" + Little(2000, 4) + std::string(2000, 'x');
  for (const size_t piece : {size_t{100}, file.size() + 1}) {
    int64_t most = 0;
    const auto arrived = Arriving(file, piece, &most);
    ASSERT_TRUE(arrived.ok()) << arrived.status();
    EXPECT_EQ(arrived->size(), 4000U);
    if (piece == 100) {
      EXPECT_LT(most, 300);
    }
  }
}

TEST(AudioFeedTest, BadFilesAreErrorsWhenTheyShow) {
  EXPECT_THAT(Arriving(WavOf(1, 1, 8000, 16, std::string(1000, 'a'), 5000), 64).status().ToString(),
              HasSubstr("ends after 500 of 2500 frames"));
  EXPECT_THAT(Arriving(WavOf(1, 1, 8000, 16, "", 0), 64).status().ToString(),
              HasSubstr("holds no samples"));
  std::string body;
  for (int i = 0; i < 3000; ++i) body += Little(i == 2000 ? 0x7FC00000 : 0x3F000000, 4);
  EXPECT_THAT(Arriving(WavOf(3, 1, 8000, 32, body, 12'000), 64).status().ToString(),
              HasSubstr("frame 2000, channel 0 is nan"));
  const std::string file =
      WriteAudio(Tone(440, 8000, 1, 8000), 1, 8000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {  // a flipped bit anywhere in the header: an error or a sound
    std::string damaged = file;
    const size_t bit = random() % (44 * 8);
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    const auto arrived = Arriving(damaged, 1000);
    if (arrived.ok()) {
      EXPECT_LE(arrived->size(), 8'000'000U);
    }
  }
}

TEST(AudioFeedTest, TellsWhatCanBeHeardAsItArrives) {
  const std::vector<float> tone = Tone(440, 8000, 1, 8000);
  const std::string wav = WriteAudio(tone, 1, 8000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  EXPECT_EQ(CanBeHeardAsItArrives(wav.substr(0, 11)), std::nullopt);
  EXPECT_EQ(CanBeHeardAsItArrives(wav.substr(0, 30)), std::nullopt);
  EXPECT_EQ(CanBeHeardAsItArrives(wav.substr(0, 60)), true);
  EXPECT_EQ(CanBeHeardAsItArrives("a photograph, not a sound"), false);
  for (const int format : {SF_FORMAT_WAV | SF_FORMAT_MS_ADPCM, SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM,
                           SF_FORMAT_FLAC | SF_FORMAT_PCM_16}) {
    EXPECT_EQ(CanBeHeardAsItArrives(WriteAudio(tone, 1, 8000, format)), false);
  }
  const auto feed = std::make_shared<ByteFeed>();
  feed->Append("fLaC, or something like it");
  EXPECT_EQ(WaveformReader::Open(feed, At8Khz()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ByteFeedTest, TellsWhenThereIsMore) {
  int waits = 0;
  ByteFeed feed([&](int64_t dropped) { waits += dropped == 0 ? 1 : 0; });
  int calls = 0;
  feed.WhenMore(0, [&] { ++calls; });
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(waits, 1);
  EXPECT_TRUE(feed.waiting());
  feed.Append("abc");
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(feed.waiting());
  feed.Append("def");
  EXPECT_EQ(calls, 1);
  feed.WhenMore(3, [&] { ++calls; });  // there is more already
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(waits, 1);
  feed.WhenMore(6, [&] { ++calls; });
  feed.Close(absl::AbortedError("gone"));
  EXPECT_EQ(calls, 3);
  feed.Close();
  EXPECT_EQ(feed.status().message(), "gone");
  char text[8] = {};
  EXPECT_EQ(feed.Read(2, text, 3), 3U);
  EXPECT_STREQ(text, "cde");
  feed.DropBefore(4);  // the first piece goes, the second is still needed
  EXPECT_EQ(feed.Read(2, text, 3), 0U);
  EXPECT_EQ(feed.Read(4, text, 8), 2U);
}

}  // namespace
}  // namespace strata::models
