#include "models/clap/clap_features.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/clap/clap_audio_config.h"

namespace strata::models {
namespace {

ClapFeatureSpec Spec(const char* truncation, const char* padding) {
  // One second of 1000 samples, 11 frames.
  auto spec = ParseClapFeatureSpec(
      absl::StrCat(R"({"sampling_rate": 1000, "max_length_s": 1, "hop_length": 100,
                       "fft_window_size": 64, "frequency_max": 500, "truncation": ")",
                   truncation, R"(", "padding": ")", padding, R"("})"),
      "preprocessor_config.json");
  EXPECT_TRUE(spec.ok()) << spec.status();
  return *spec;
}

// What the spectrogram of a whole second would be.
at::Tensor WholeSecond(const ClapFeatureSpec& spec, const at::Tensor& sound) {
  return (*MelSpectrogram(spec.mel)(sound.unsqueeze(0)))[0];
}

TEST(ClapFeatures, ShortSoundsAreFilledUp) {
  const at::Tensor sound = at::randn({300});
  const struct {
    const char* name;
    at::Tensor filled;
  } ways[] = {{"pad", at::cat({sound, at::zeros({700})})},
              {"repeatpad", at::cat({sound, sound, sound, at::zeros({100})})},
              {"repeat", at::cat({sound, sound, sound, sound.narrow(0, 0, 100)})}};
  for (const auto& way : ways) {
    const ClapFeatureSpec spec = Spec("rand_trunc", way.name);
    auto features = ClapFeatureExtractor(spec)(sound, MiddleDraw());
    ASSERT_TRUE(features.ok()) << features.status();
    EXPECT_FALSE(features->is_longer);
    ASSERT_EQ(features->input.sizes(), (std::vector<int64_t>{1, 11, 64}));
    EXPECT_TRUE(at::equal(features->input[0], WholeSecond(spec, way.filled))) << way.name;
  }
}

TEST(ClapFeatures, LongSoundsAreCroppedWhereTheDrawSays) {
  const ClapFeatureSpec spec = Spec("rand_trunc", "pad");
  const at::Tensor sound = at::randn({1500});
  int64_t asked = 0;
  auto features = ClapFeatureExtractor(spec)(sound, [&](int64_t bound) {
    asked = bound;
    return bound - 1;
  });
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_EQ(asked, 501);
  EXPECT_TRUE(features->is_longer);
  EXPECT_TRUE(at::equal(features->input[0], WholeSecond(spec, sound.narrow(0, 500, 1000))));
}

TEST(ClapFeatures, FusionShowsTheWholeAndThreeStretches) {
  const ClapFeatureSpec spec = Spec("fusion", "repeatpad");
  const at::Tensor sound = at::randn({2000});  // 21 frames, 11 places for a stretch: 4, 4 and 3
  std::vector<int64_t> bounds;
  auto features = ClapFeatureExtractor(spec)(sound, [&](int64_t bound) {
    bounds.push_back(bound);
    return int64_t{1};
  });
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_EQ(bounds, (std::vector<int64_t>{4, 4, 3}));
  ASSERT_EQ(features->input.sizes(), (std::vector<int64_t>{4, 11, 64}));
  const at::Tensor mel = WholeSecond(spec, sound);
  for (const auto& [plane, begin] : {std::pair{1, 1}, {2, 5}, {3, 9}}) {
    EXPECT_TRUE(at::equal(features->input[plane], mel.narrow(0, begin, 11))) << plane;
  }
  // Longer by less than a hop: no more frames, nothing to choose.
  features = ClapFeatureExtractor(spec)(sound.narrow(0, 0, 1050), MiddleDraw());
  ASSERT_TRUE(features.ok()) << features.status();
  EXPECT_FALSE(features->is_longer);
  EXPECT_EQ(features->input.size(0), 4);
}

TEST(ClapFeatures, OneClipOfAFusedBatchCountsAsLonger) {
  std::vector<bool> longer = {false, false, false};
  MarkOneLonger(Spec("fusion", "pad"), longer, [](int64_t) { return int64_t{2}; });
  EXPECT_EQ(longer, (std::vector<bool>{false, false, true}));
  MarkOneLonger(Spec("fusion", "pad"), longer, [](int64_t) { return int64_t{0}; });
  EXPECT_EQ(longer, (std::vector<bool>{false, false, true}));
  std::vector<bool> cropped = {false};
  MarkOneLonger(Spec("rand_trunc", "pad"), cropped, MiddleDraw());
  EXPECT_EQ(cropped, (std::vector<bool>{false}));
}

// numpy 2.4: RandomState(0).randint(0, n) for n = 10, 1000, 1, 7, 100000, 3.
TEST(ClapFeatures, DrawsAsNumpyDoes) {
  const ClapDraw draw = NumpyDraw(0);
  std::vector<int64_t> drawn;
  for (const int64_t bound : {10, 1000, 1, 7, 100'000, 3}) drawn.push_back(draw(bound));
  EXPECT_EQ(drawn, (std::vector<int64_t>{5, 192, 0, 3, 21243, 1}));
}

TEST(ClapFeatures, WhatCannotBeIsRefused) {
  const auto parse = [](const char* json) { return ParseClapFeatureSpec(json, "p.json").status(); };
  EXPECT_THAT(parse(R"({"truncation": "none"})").ToString(), testing::HasSubstr("truncation"));
  EXPECT_THAT(parse(R"({"padding": "wrap"})").ToString(), testing::HasSubstr("padding"));
  EXPECT_THAT(parse(R"({"hop_length": 0})").ToString(), testing::HasSubstr("hop_length"));
  EXPECT_FALSE(ClapFeatureExtractor(Spec("fusion", "pad"))(at::zeros({0}), MiddleDraw()).ok());
}

TEST(ClapAudioConfig, SettingsThatTheReferenceCannotRunAreNamed) {
  const std::pair<const char*, absl::StatusCode> cases[] = {
      {R"({"enable_fusion": true, "fusion_type": "channel_map"})",
       absl::StatusCode::kUnimplemented},
      {R"({"flatten_patch_embeds": false})", absl::StatusCode::kUnimplemented},
      {R"({"patch_embed_input_channels": 4})", absl::StatusCode::kUnimplemented},
      {R"({"hidden_size": 512})", absl::StatusCode::kInvalidArgument},
      {R"({"spec_size": 128})", absl::StatusCode::kInvalidArgument},
      {R"({"patch_stride": [4, 5]})", absl::StatusCode::kInvalidArgument},
      {R"({"hidden_act": "swoosh"})", absl::StatusCode::kInvalidArgument},
  };
  for (const auto& [json, code] : cases) {
    EXPECT_EQ(ParseClapAudioConfig(json, "config.json").status().code(), code) << json;
  }
  auto config = ParseClapAudioConfig(R"({"audio_config": {"depths": [2, 2, 12, 2]}})", "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->swin.depths[2], 12);
  EXPECT_EQ(config->hidden_size(), 768);
}

}  // namespace
}  // namespace strata::models
