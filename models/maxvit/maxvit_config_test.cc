#include "models/maxvit/maxvit_config.h"

#include <gtest/gtest.h>

namespace strata::models {
namespace {

MaxVitConfig Parse(const std::string& json) {
  auto config = ParseMaxVitConfig(json, "f");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : MaxVitConfig{};
}

TEST(MaxVitConfigTest, TheNamePicksTheStyle) {
  const MaxVitConfig tf = Parse(R"({"architecture": "maxvit_tiny_tf_384"})");
  EXPECT_TRUE(tf.same_padding);
  EXPECT_FALSE(tf.heads_first);
  EXPECT_EQ(tf.bias, MaxVitBias::kTensorFlowTable);
  EXPECT_EQ(tf.head_hidden_size, 512);
  EXPECT_EQ(tf.window.height, 12);
  EXPECT_EQ(tf.InnerWidth(1, 0), 512);  // 4 times what comes out
  EXPECT_EQ(tf.SqueezedWidth(1, 0), 32);
  const MaxVitConfig rw = Parse(R"({"architecture": "maxvit_rmlp_small_rw_224"})");
  EXPECT_FALSE(rw.same_padding);
  EXPECT_TRUE(rw.heads_first);
  EXPECT_TRUE(rw.has_layer_scale);
  EXPECT_EQ(rw.bias, MaxVitBias::kNetwork);
  EXPECT_EQ(rw.head_hidden_size, 0);
  EXPECT_EQ(rw.InnerWidth(1, 0), 384);  // 4 times what goes in
  EXPECT_EQ(rw.SqueezedWidth(1, 0), 24);
  EXPECT_EQ(rw.InnerWidth(1, 1), 768);
}

TEST(MaxVitConfigTest, ArgumentsOverrideTheName) {
  const MaxVitConfig config = Parse(
      R"({"architecture": "maxvit_tiny_rw_224", "model_args": {"img_size": [64, 96],
          "embed_dim": [16, 32], "depths": [1, 1], "stem_width": 12, "transformer_dim_head": 8,
          "transformer_window_size": [2, 3], "transformer_rel_pos_type": "bias_tf",
          "conv_padding": "same", "transformer_init_values": null}})");
  EXPECT_EQ(config.window.width, 3);
  EXPECT_EQ(config.grid.width, 3);
  EXPECT_EQ(config.stem[1], 12);
  EXPECT_TRUE(config.same_padding);
  EXPECT_FALSE(config.has_layer_scale);
}

// timm drops an argument that is null; an empty name is one.
TEST(MaxVitConfigTest, NullLeavesThePartAndAnEmptyNameTurnsItOff) {
  const MaxVitConfig tf = Parse(
      R"({"architecture": "maxvit_tiny_tf_224", "model_args": {"head_hidden_size": null,
          "transformer_rel_pos_type": "", "in_chans": 5}})");
  EXPECT_EQ(tf.head_hidden_size, 512);
  EXPECT_EQ(tf.bias, MaxVitBias::kNone);
  EXPECT_EQ(tf.num_channels, 5);
  const MaxVitConfig rw = Parse(
      R"({"architecture": "maxvit_rmlp_small_rw_224", "model_args":
          {"transformer_rel_pos_type": null, "transformer_init_values": null}})");
  EXPECT_EQ(rw.bias, MaxVitBias::kNetwork);
  EXPECT_TRUE(rw.has_layer_scale);
}

TEST(MaxVitConfigTest, WhatIsNotKnownIsNamed) {
  const auto status = [](const std::string& args) {
    return ParseMaxVitConfig(
               R"({"architecture": "maxvit_tiny_rw_224", "model_args": {)" + args + "}}", "f")
        .status();
  };
  EXPECT_EQ(status(R"("conv_attn_layer": "eca")").message(),
            "f: model_args: conv_attn_layer is \"eca\"; only \"se\" is known");
  EXPECT_EQ(status(R"("block_type": ["M", "PM", "M", "M"])").code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status(R"("embed_dim": [60, 64, 64, 64])").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseMaxVitConfig(R"({"architecture": "coatnet_0_rw_224"})", "f").status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace strata::models
