#include "models/fastervit/faster_vit_config.h"

#include <gtest/gtest.h>

namespace strata::models {
namespace {

TEST(FasterVitConfigTest, CarriersStandWhereThereIsMoreThanOneWindow) {
  const auto config = ParseFasterVitConfig(R"({"model_type": "faster_vit"})", "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->Map(2), (Extent{14, 14}));
  EXPECT_EQ(config->Windows(2), (Extent{2, 2}));
  EXPECT_EQ(config->Carriers(2), (Extent{4, 4}));
  EXPECT_TRUE(config->HasCarriers(2));
  EXPECT_FALSE(config->HasCarriers(3));  // one window
  EXPECT_FALSE(config->HasCarriers(1));  // convolutions
}

TEST(FasterVitConfigTest, OnlyTheOtherClassPads) {
  const std::string sizes = R"("resolution": [96, 160], "window_size": [4, 4, 4, 4])";
  EXPECT_EQ(ParseFasterVitConfig("{" + sizes + "}", "f").status().message(),
            "f: resolution makes a map of 6 x 10 in level 2, which windows of 4 do not divide");
  const auto config =
      ParseFasterVitConfig(R"({"class": "faster_vit_any_res.FasterViT", )" + sizes + "}", "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->Windows(2), (Extent{2, 3}));
}

TEST(FasterVitConfigTest, FaultsNameTheField) {
  const auto message = [](const std::string& json) {
    return std::string(ParseFasterVitConfig(json, "f").status().message());
  };
  EXPECT_EQ(message(R"({"depths": [1, 1]})"), "f: depths must name 4 levels");
  EXPECT_EQ(message(R"({"num_heads": [2, 4, 7, 16]})"),
            "f: num_heads 7 does not divide the 256 channels of level 2");
  EXPECT_EQ(message(R"({"window_size": [7, 7, 1, 7]})"),
            "f: window_size is 1 in level 2, outside 2..64");
}

}  // namespace
}  // namespace strata::models
