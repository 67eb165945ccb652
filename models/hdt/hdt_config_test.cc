#include "models/hdt/hdt_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseHdtConfig, DefaultsAreTheReferences) {
  auto config = ParseHdtConfig("{}", "config.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->d_model, 512);
  EXPECT_EQ(config->num_decoder_layers, 6);
  EXPECT_TRUE(config->tie_word_embeddings);
  EXPECT_FALSE(config->prediction_head);
  EXPECT_EQ(config->activation, Activation::kRelu);
}

TEST(ParseHdtConfig, GatedGeluIsTheTanhForm) {
  EXPECT_EQ(ParseHdtConfig(R"({"feed_forward_proj":"gated-gelu"})", "c")->activation,
            Activation::kGeluTanh);
  EXPECT_EQ(ParseHdtConfig(R"({"feed_forward_proj":"gelu"})", "c")->activation, Activation::kGelu);
  EXPECT_TRUE(ParseHdtConfig(R"({"feed_forward_proj":"gated-silu"})", "c")->is_gated);
}

TEST(ParseHdtConfig, AliasesAndLabels) {
  auto config = ParseHdtConfig(
      R"({"hidden_size":32,"num_hidden_layers":3,"id2label":{"0":"x","1":"y"}})", "c");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->d_model, 32);
  EXPECT_EQ(config->num_decoder_layers, 3);
  EXPECT_THAT(config->labels, ElementsAre("x", "y"));
  EXPECT_TRUE(ParseHdtConfig(R"({"id2label":{"0":"LABEL_0","1":"LABEL_1"}})", "c")->labels.empty());
}

TEST(ParseHdtConfig, DecodingStartsWithBosWhateverTheFileSays) {
  EXPECT_EQ(ParseHdtConfig(R"({"bos_token_id":6,"decoder_start_token_id":0})", "c")
                ->decoder_start_token_id,
            6);
  EXPECT_EQ(ParseHdtConfig("{}", "c")->decoder_start_token_id, -1);
  EXPECT_EQ(ParseHdtConfig(R"({"position_embedding_type":"rotary"})", "c").status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST(ParseHdtConfig, RefusalsNameTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "not a JSON object"},
      {R"({"d_model":"wide"})", "d_model is not a whole number"},
      {R"({"num_heads":0})", "num_heads is 0"},
      {R"({"d_ff":99999999999})", "d_ff is 99999999999"},
      {R"({"feed_forward_proj":"gated-swoosh"})", "swoosh"},
      {R"({"pool_scheme":"hier_9"})", "hier_9"},
      {R"({"d_kv":257})", "d_kv is 257"},
      {R"({"num_heads":16000000})", "num_heads is 16000000; at most 4096"},
      {R"({"num_layers":1001})", "num_layers is 1001; at most 1000"},
      {R"({"num_decoder_layers":16777216})", "num_decoder_layers is 16777216; at most 1000"},
      {R"({"relative_attention_num_buckets":16777216})", "buckets is 16777216; at most 4096"},
      {R"({"relative_attention_num_buckets":1})", "needs at least 2"},
      {R"({"relative_attention_num_buckets":3,"is_hierarchical":false})", "needs at least 4"},
      {R"({"d_model":4,"num_heads":8})", "num_heads is 8, over d_model 4"},
      {R"({"layer_norm_epsilon":0})", "layer_norm_epsilon"},
      {R"({"id2label":{"0":"a","2":"b"}})", "class 1"},
  };
  for (const auto& [json, message] : cases) {
    const absl::Status status = ParseHdtConfig(json, "config.json").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("config.json"));
  }
}

}  // namespace
}  // namespace strata::models
