#include "models/htsat/htsat_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::models {
namespace {

TEST(HtsatConfig, DefaultsAreAudioSets) {
  auto config = ParseHtsatConfig("{}", "config.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->classes_num, 527);
  EXPECT_EQ(config->hidden_size(), 768);
  EXPECT_EQ(config->image.num_frames(), 1024);
  EXPECT_EQ(config->num_rows(), 1024);
  EXPECT_FALSE(config->single_label);
}

TEST(HtsatConfig, WhatCannotBeIsRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"htsat_num_head": [4, 8, 16, 33]})", "33 heads do not divide 768 channels"},
      {R"({"htsat_depth": [2, 2]})", "2 stages and 4 numbers of heads"},
      {R"({"htsat_stride": [4]})", "htsat_stride is not a pair"},
      {R"({"htsat_stride": [8, 8]})", "htsat_stride"},
      {R"({"htsat_spec_size": 250})", "mel bands cannot be folded"},
      {R"({"htsat_window_size": 7})", "windows of 7"},
      {R"({"mel_bins": 300})", "mel bands cannot be folded"},
      {R"({"fmax": 10})", "mel bands from 50 to 10"},
      {R"({"enable_repeat_mode": true, "mel_bins": 128})", "enable_repeat_mode"},
      {R"({"hop_size": 0})", "hop_size"},
      {R"({"norm_before_mlp": "gn"})", "norm_before_mlp"},
      {R"({"id2label": {"0": "dog"}})", "names 1 classes"},
  };
  for (const auto& [json, message] : cases) {
    const auto status = ParseHtsatConfig(json, "config.json").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(status.ToString(), testing::HasSubstr(message)) << json;
  }
  EXPECT_EQ(ParseHtsatConfig(R"({"norm_before_mlp": "bn"})", "").status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace strata::models
