#include "models/dinat/dinat_config.h"

#include <gtest/gtest.h>

namespace strata::models {
namespace {

TEST(DinatConfigTest, WithoutDilationsAllAreOne) {
  const auto config = ParseDinatConfig(
      R"({"model_type": "nat", "depths": [2, 1], "num_heads": [2, 4], "embed_dim": 32})", "f");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->dilations, (std::vector<std::vector<int32_t>>{{1, 1}, {1}}));
  EXPECT_FALSE(config->has_layer_scale);
  EXPECT_EQ(ParseDinatConfig(R"({"model_type": "dinat"})", "f")->dilations[0],
            (std::vector<int32_t>{1, 8, 1}));
}

// save_pretrained leaves out a field that stands at the class's default, which does not follow
// depths.
TEST(DinatConfigTest, DilationsLeftOutAreTheClasssOwn) {
  using Lists = std::vector<std::vector<int32_t>>;
  const auto dilations = [](const std::string& json) {
    return ParseDinatConfig(json, "f")->dilations;
  };
  EXPECT_EQ(dilations(R"({"model_type": "dinat", "depths": [3, 4, 6, 5]})"),
            (Lists{{1, 8, 1}, {1, 4, 1, 4}, {1, 2, 1, 2, 1, 2}, {1, 1, 1, 1, 1}}));
  EXPECT_EQ(dilations(R"({"depths": [2, 3], "num_heads": [2, 4]})"), (Lists{{1, 8}, {1, 4, 1}}));
  EXPECT_EQ(ParseDinatConfig(R"({"depths": [3, 4, 18, 5]})", "f").status().message(),
            "f: dilations is missing, and the lists of the class's default are too short for "
            "depths");
  // Lists may be longer than depths; NAT has none.
  EXPECT_EQ(dilations(R"({"depths": [1], "num_heads": [2], "dilations": [[3, 2], [5]]})"),
            (Lists{{3}}));
  EXPECT_EQ(dilations(R"({"model_type": "nat", "depths": [1], "num_heads": [2],
                          "dilations": [[3]]})"),
            (Lists{{1}}));
}

TEST(DinatConfigTest, FaultsNameTheField) {
  const auto message = [](const std::string& json) {
    return std::string(ParseDinatConfig(json, "f").status().message());
  };
  EXPECT_EQ(message(R"({"kernel_size": 4})"), "f: kernel_size must be odd and at most 63");
  EXPECT_EQ(message(R"({"patch_size": 8})"), "f: patch_size must be 4");
  EXPECT_EQ(message(R"({"depths": [1], "num_heads": [2], "dilations": [[0]]})"),
            "f: dilations is not one list for each level with one number in 1..4096 for each "
            "block");
  EXPECT_EQ(message(R"({"depths": [1], "num_heads": [3], "embed_dim": 64})"),
            "f: num_heads 3 does not divide the 64 channels of level 0");
  EXPECT_EQ(ParseDinatConfig(R"({"hidden_act": "prelu"})", "f").status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace strata::models
