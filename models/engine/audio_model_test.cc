#include "models/engine/audio_model.h"

#include <sndfile.h>

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engine/testing/small_models.h"
#include "models/media/audio_test_files.h"

namespace strata::models {
namespace {

using testing::SoundWithPauses;

class AudioModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    const absl::Status written = testing::WriteSmallHtsat(folder_);
    ASSERT_TRUE(written.ok()) << written;
    auto model = AudioModel::Load(folder_);
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
  }

  void TearDown() override { std::filesystem::remove_all(folder_); }

  struct Heard {
    std::vector<SoundEvent> events;
    SoundSummary summary;
  };

  Heard Listen(const std::vector<float>& sound, size_t chunk, const ListenOptions& options = {}) {
    Heard heard;
    auto listener =
        model_->Listen(options, [&](const SoundEvent& event) { heard.events.push_back(event); });
    EXPECT_TRUE(listener.ok()) << listener.status();
    for (size_t done = 0; done < sound.size(); done += chunk) {
      const absl::Status status = (*listener)->Push(
          absl::MakeConstSpan(sound).subspan(done, std::min(chunk, sound.size() - done)));
      EXPECT_TRUE(status.ok()) << status;
    }
    auto summary = (*listener)->Finish();
    EXPECT_TRUE(summary.ok()) << summary.status();
    if (summary.ok()) heard.summary = *std::move(summary);
    return heard;
  }

  std::filesystem::path folder_;
  std::shared_ptr<const AudioModel> model_;
};

void ExpectSame(const std::vector<SoundEvent>& a, const std::vector<SoundEvent>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].label, b[i].label);
    EXPECT_DOUBLE_EQ(a[i].begin_s, b[i].begin_s);
    EXPECT_DOUBLE_EQ(a[i].end_s, b[i].end_s);
    EXPECT_NEAR(a[i].peak, b[i].peak, 1e-5);
  }
}

TEST_F(AudioModelTest, HowASoundArrivesDoesNotMatter) {
  const std::vector<float> sound = SoundWithPauses(7.77);
  for (const double overlap : {0.0, 0.1}) {
    ListenOptions options;
    options.overlap_s = overlap;
    const Heard whole = Listen(sound, sound.size(), options);
    EXPECT_GT(whole.events.size(), 3U);
    EXPECT_DOUBLE_EQ(whole.summary.seconds, 7.77);
    // One each 0.31 s, or 0.21 s where neighbours share, and a last one that reaches back.
    EXPECT_EQ(whole.summary.num_windows, overlap == 0 ? 26 : 37);
    for (const size_t chunk : {1U, 100U, 6000U}) {
      const Heard pieces = Listen(sound, chunk, options);
      ExpectSame(pieces.events, whole.events);
      EXPECT_EQ(pieces.summary.scores, whole.summary.scores);
    }
    options.windows_per_pass = 4;
    const Heard grouped = Listen(sound, 1000, options);
    ExpectSame(grouped.events, whole.events);
    for (size_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(grouped.summary.scores[k], whole.summary.scores[k], 1e-5);
    }
  }
}

TEST_F(AudioModelTest, EventsLieInsideTheSoundAndApart) {
  ListenOptions options;
  options.overlap_s = 0.1;
  options.events.max_pause_s = 0;
  const Heard heard = Listen(SoundWithPauses(5), 999, options);
  std::vector<double> last(3, 0);
  for (const SoundEvent& event : heard.events) {
    EXPECT_LT(event.begin_s, event.end_s);
    EXPECT_GE(event.begin_s, last[static_cast<size_t>(event.label)]);
    EXPECT_LE(event.end_s, 5);
    EXPECT_GE(event.peak, 0.5F);
    last[static_cast<size_t>(event.label)] = event.end_s;
  }
}

TEST_F(AudioModelTest, AnEventIsToldWithinTwoWindowsOfItsEnd) {
  ListenOptions options;
  options.events.max_pause_s = 0.1;
  double arrived = 0;
  int told = 0;
  auto listener = model_->Listen(options, [&](const SoundEvent& event) {
    EXPECT_LE(arrived - event.end_s, 2 * model_->info().window_s);
    ++told;
  });
  ASSERT_TRUE(listener.ok());
  const std::vector<float> sound = SoundWithPauses(20);
  for (size_t done = 0; done < sound.size(); done += 80) {
    arrived = static_cast<double>(done + 80) / 8000;
    ASSERT_TRUE((*listener)->Push(absl::MakeConstSpan(sound).subspan(done, 80)).ok());
  }
  EXPECT_GT(told, 10);
}

TEST_F(AudioModelTest, AFileIsHeardAsItsSamplesAre) {
  const std::vector<float> sound = SoundWithPauses(3);
  const std::string file = WriteAudio(sound, 1, 8000, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
  const Heard pushed = Listen(sound, 8000);
  std::vector<SoundEvent> events;
  auto summary =
      model_->ListenToFile(file, {}, {}, [&](const SoundEvent& event) { events.push_back(event); });
  ASSERT_TRUE(summary.ok()) << summary.status();
  ExpectSame(events, pushed.events);
  EXPECT_EQ(summary->scores, pushed.summary.scores);
  auto vector = model_->Embed(file, {});
  ASSERT_TRUE(vector.ok()) << vector.status();
  EXPECT_EQ(*vector, pushed.summary.vector);
  EXPECT_EQ(vector->size(), 16U);
}

TEST_F(AudioModelTest, ErrorsSayWhatToDo) {
  ListenOptions options;
  options.overlap_s = 1;
  EXPECT_THAT(model_->Listen(options, nullptr).status().ToString(),
              ::testing::HasSubstr("share up to half"));
  auto listener = model_->Listen({}, nullptr);
  ASSERT_TRUE(listener.ok());
  ASSERT_TRUE((*listener)->Push(std::vector<float>(100, 0.1F)).ok());
  EXPECT_THAT((*listener)->Finish().status().ToString(), ::testing::HasSubstr("too short"));
  EXPECT_EQ(model_->Embed("no sound", {}).status().code(), absl::StatusCode::kInvalidArgument);
  options = {};
  options.cancelled = [] { return true; };
  auto stopped = model_->Listen(options, nullptr);
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ((*stopped)->Push(SoundWithPauses(2)).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(AudioModel::Load("no/such/folder").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(AudioModelTest, TellsWhatItIs) {
  const AudioModelInfo& info = model_->info();
  EXPECT_EQ(info.labels, (std::vector<std::string>{"dog", "rain", "bell"}));
  EXPECT_EQ(info.sample_rate, 8000);
  EXPECT_NEAR(info.window_s, 0.31, 0.001);
  EXPECT_EQ(info.hidden_size, 16);
}

}  // namespace
}  // namespace strata::models
