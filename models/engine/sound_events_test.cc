#include "models/engine/sound_events.h"

#include "gtest/gtest.h"

namespace strata::models {
namespace {

struct Heard {
  std::vector<SoundEvent> events;
  SoundEventDetector::Callback callback() {
    return [this](const SoundEvent& event) { events.push_back(event); };
  }
};

// One class, moments of a second.
std::vector<SoundEvent> Detect(const std::vector<float>& scores, const SoundEventOptions& options) {
  Heard heard;
  SoundEventDetector detector(1, options, heard.callback());
  for (size_t i = 0; i < scores.size(); ++i) {
    detector.Add(static_cast<double>(i), static_cast<double>(i + 1), {&scores[i], 1});
  }
  detector.Finish();
  return heard.events;
}

TEST(SoundEvents, BeginWhereTheThresholdIsReachedAndEndBehindIt) {
  const auto events = Detect({0.1F, 0.5F, 0.9F, 0.2F, 0.1F, 0.6F}, {.max_pause_s = 0});
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].begin_s, 1);
  EXPECT_EQ(events[0].end_s, 3);
  EXPECT_FLOAT_EQ(events[0].peak, 0.9F);
  EXPECT_EQ(events[1].begin_s, 5);
  EXPECT_EQ(events[1].end_s, 6);
}

TEST(SoundEvents, ShortPausesDoNotEndThemAndShortOnesAreNotTold) {
  const std::vector<float> scores = {0.9F, 0.1F, 0.9F, 0.1F, 0.1F, 0.9F};
  EXPECT_EQ(Detect(scores, {.max_pause_s = 0}).size(), 3U);
  const auto joined = Detect(scores, {.max_pause_s = 1});
  ASSERT_EQ(joined.size(), 2U);
  EXPECT_EQ(joined[0].end_s, 3);
  EXPECT_EQ(Detect(scores, {.max_pause_s = 2}).size(), 1U);
  const auto long_ones = Detect(scores, {.max_pause_s = 1, .min_event_s = 2});
  ASSERT_EQ(long_ones.size(), 1U);
  EXPECT_EQ(long_ones[0].begin_s, 0);
}

TEST(SoundEvents, AreToldAsSoonAsThePauseIsLongEnough) {
  Heard heard;
  SoundEventDetector detector(2, {.max_pause_s = 1}, heard.callback());
  const float on_off[] = {0.9F, 0.1F}, off[] = {0.1F, 0.1F};
  detector.Add(0, 1, on_off);
  detector.Add(1, 2, off);
  EXPECT_TRUE(heard.events.empty());
  detector.Add(2, 3, off);
  ASSERT_EQ(heard.events.size(), 1U);
  EXPECT_EQ(heard.events[0].label, 0);
  EXPECT_EQ(heard.events[0].end_s, 1);
  detector.Finish();
  EXPECT_EQ(heard.events.size(), 1U);
}

TEST(SoundEvents, OptionsThatCannotBeAreRefused) {
  EXPECT_TRUE(CheckSoundEventOptions({}).ok());
  EXPECT_FALSE(CheckSoundEventOptions({.threshold = 0}).ok());
  EXPECT_FALSE(CheckSoundEventOptions({.threshold = 1.5F}).ok());
  EXPECT_FALSE(CheckSoundEventOptions({.max_pause_s = -1}).ok());
}

}  // namespace
}  // namespace strata::models
