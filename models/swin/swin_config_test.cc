#include "models/swin/swin_config.h"

#include <gtest/gtest.h>

namespace strata::models {
namespace {

SwinConfig Parse(const std::string& json) {
  auto config = ParseSwinConfig(json, "f");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : SwinConfig{};
}

TEST(SwinConfigTest, PixelsMayHaveAnotherNumberOfChannels) {
  EXPECT_EQ(Parse(R"({"num_channels": 1})").num_channels, 1);
  EXPECT_EQ(Parse(R"({"architecture": "swin_tiny_patch4_window7_224",
                      "model_args": {"in_chans": 4}})")
                .num_channels,
            4);
}

TEST(SwinConfigTest, TimmsNamesCarrySizes) {
  const SwinConfig base = Parse(R"({"architecture": "swin_base_patch4_window12_384"})");
  EXPECT_TRUE(base.is_timm());
  EXPECT_FALSE(base.any_size);
  EXPECT_EQ(base.spec.embed_dim, 128);
  EXPECT_EQ(base.spec.depths, (std::vector<int32_t>{2, 2, 18, 2}));
  EXPECT_EQ(base.spec.window_of(0), (Extent{12, 12}));
  EXPECT_EQ(base.image, (Extent{384, 384}));
  const SwinConfig searched = Parse(R"({"architecture": "swin_s3_tiny_224"})");
  EXPECT_EQ(searched.spec.window_of(2), (Extent{14, 14}));
}

TEST(SwinConfigTest, EverySpellingOfAWindow) {
  const auto window = [](const std::string& text) {
    return Parse(R"({"architecture": "swin_tiny_patch4_window7_224", "model_args":
                     {"depths": [1, 1], "num_heads": [3, 6], "window_size": )" +
                 text + "}}")
        .spec;
  };
  EXPECT_EQ(window("5").window_of(1), (Extent{5, 5}));
  EXPECT_EQ(window("[3, 4]").window_of(1), (Extent{3, 4}));
  EXPECT_EQ(window("[[3, 4], 5]").window_of(1), (Extent{5, 5}));
}

TEST(SwinConfigTest, AGridSmallerThanTheWindowDependsOnTheFlavour) {
  const SwinConfig timm = Parse(
      R"({"architecture": "swin_tiny_patch4_window7_224", "model_args": {"img_size": [16, 64]}})");
  const auto cut = SwinWindow(timm.spec, 0, 4, 16, /*shifted=*/true);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->height, 4);  // each axis by itself
  EXPECT_EQ(cut->width, 7);
  EXPECT_EQ(cut->shift_height, 0);
  EXPECT_EQ(cut->shift_width, 3);
  const SwinConfig hf = Parse(R"({"image_size": 64, "window_size": 7})");
  EXPECT_EQ(SwinWindow(hf.spec, 3, 2, 2, true).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SwinConfigTest, FaultsNameTheField) {
  const auto message = [](const std::string& json) {
    return std::string(ParseSwinConfig(json, "f").status().message());
  };
  EXPECT_EQ(message(R"({"depths": [2, 2]})"),
            "f: 2 stages and 4 numbers of heads; give one for each stage");
  EXPECT_EQ(message(R"({"window_size": 65})"),
            "f: a window of 65 by 65, of no token or of more than 4096");
  EXPECT_EQ(ParseSwinConfig(R"({"architecture": "swinv2_tiny_window8_256"})", "f").status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace strata::models
