#include "models/hiera/hiera_config.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

std::string Locality(const HieraConfig& config) {
  std::string text;
  for (const HieraBlockPlan& block : config.Blocks()) text += block.is_local ? 'u' : 'g';
  return text;
}

TEST(HieraConfigTest, TheFirstBlockOfAStageLagsBehind) {
  const char* const kDepths = R"("depths": [1, 2, 2, 1], "num_heads": [1, 2, 4, 8])";
  const auto hf = ParseHieraConfig(
      absl::StrCat("{", kDepths, R"(, "masked_unit_attention": [false, true, false, false]})"),
      "f");
  ASSERT_TRUE(hf.ok()) << hf.status();
  EXPECT_EQ(Locality(*hf), "guuugg");  // its own rule or that of the stage before
  const auto timm = ParseHieraConfig(
      R"({"architecture": "hiera_tiny_224", "model_args":
          {"stages": [1, 2, 2, 1], "mask_unit_attn": [false, true, false, false]}})",
      "f");
  ASSERT_TRUE(timm.ok()) << timm.status();
  EXPECT_EQ(Locality(*timm), "gguugg");  // that of the stage before, whatever it is
}

// timm drops an argument that is null.
TEST(HieraConfigTest, NullLeavesTheLayerScale) {
  const auto scaled = [](const std::string& args) {
    return ParseHieraConfig(
               R"({"architecture": "hiera_small_abswin_256", "model_args": {)" + args + "}}", "f")
        ->has_layer_scale;
  };
  EXPECT_TRUE(scaled(""));
  EXPECT_TRUE(scaled(R"("init_values": null)"));
}

TEST(HieraConfigTest, BlocksWidenPoolAndShrinkTheirUnits) {
  const auto config = ParseHieraConfig(R"({"architecture": "hiera_tiny_224"})", "f");
  ASSERT_TRUE(config.ok()) << config.status();
  const std::vector<HieraBlockPlan> blocks = config->Blocks();
  ASSERT_EQ(blocks.size(), 12u);  // 1 + 2 + 7 + 2
  EXPECT_EQ(blocks[0].window, 64);
  EXPECT_EQ(blocks[1].pooled, 4);
  EXPECT_EQ(blocks[1].window, 16);
  EXPECT_EQ(blocks[1].channels_in, 96);
  EXPECT_EQ(blocks[1].channels_out, 192);
  EXPECT_EQ(blocks[2].pooled, 1);
  EXPECT_EQ(blocks[11].window, 1);
  EXPECT_EQ(blocks[11].num_heads, 8);
}

TEST(HieraConfigTest, FaultsNameTheField) {
  const auto message = [](const std::string& json) {
    return std::string(ParseHieraConfig(json, "f").status().message());
  };
  EXPECT_EQ(message(R"({"masked_unit_size": [4, 4]})"),
            "f: masked_unit_size is no multiple of the pooling of all stages, 8 x 8");
  EXPECT_EQ(message(R"({"num_query_pool": 4})"),
            "f: num_query_pool must be less than the number of stages");
  EXPECT_EQ(message(R"({"num_heads": [1, 2, 4, 5]})"),
            "f: num_heads 5 does not divide the 768 channels of stage 3");
  EXPECT_EQ(ParseHieraConfig(R"({"architecture": "hiera_tiny_224",
                                 "model_args": {"sep_pos_embed": true}})",
                             "f")
                .status()
                .code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace strata::models
