#include "models/hat/hat_config.h"

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using Json = nlohmann::json;

Json Config() {
  return {{"max_sentence_length", 16},
          {"num_hidden_layers", 2},
          {"encoder_layout",
           {{"0", {{"sentence_encoder", true}, {"document_encoder", false}}},
            {"1", {{"sentence_encoder", false}, {"document_encoder", true}}}}}};
}

absl::StatusOr<HatConfig> Parse(const Json& config) {
  return ParseHatConfig(config.dump(), "config.json");
}

void ExpectRefused(const std::string& name, const Json& value, const std::string& says,
                   absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
  Json config = Config();
  config[name] = value;
  const auto parsed = Parse(config);
  ASSERT_FALSE(parsed.ok()) << name;
  EXPECT_EQ(parsed.status().code(), code) << parsed.status();
  EXPECT_NE(parsed.status().message().find(says), std::string::npos) << parsed.status();
}

TEST(HatConfig, AbsentFieldsHaveTheReferencesDefaults) {
  const auto config = Parse(Config());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vocab_size, 30522);
  EXPECT_EQ(config->max_sentences, 64);
  EXPECT_EQ(config->max_sentence_length, 16);
  EXPECT_EQ(config->max_sentence_size, 128);
  EXPECT_EQ(config->layer_norm_eps, 1e-12);
  EXPECT_EQ(config->labels, (std::vector<std::string>{"LABEL_0", "LABEL_1"}));
  EXPECT_TRUE(config->tie_word_embeddings);
  EXPECT_EQ(config->classifier_dropout, 0.1);
  EXPECT_EQ(config->pooling, HatPooling::kMax);
  EXPECT_FALSE(config->names_pooling);
  EXPECT_TRUE(config->encoder_layout[0].has_segment_encoder);
  EXPECT_FALSE(config->encoder_layout[0].has_cross_encoder);
  EXPECT_TRUE(config->encoder_layout[1].has_cross_encoder);
  EXPECT_EQ(config->max_segments(), 64);
}

TEST(HatConfig, TheOlderNameOfTheSegmentLengthServesToo) {
  Json json = Config();
  json.erase("max_sentence_length");
  EXPECT_FALSE(Parse(json).ok());
  json["max_sentence_size"] = 24;
  const auto config = Parse(json);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->max_sentence_length, 24);
}

TEST(HatConfig, WithoutCrossPositionsThereIsNoLimitOfSegments) {
  Json json = Config();
  json["cross_segment_positions"] = "none";
  const auto config = Parse(json);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->max_segments(), 0);
}

TEST(HatConfig, DistancesOfSegmentsEndWithTheirTable) {
  Json json = Config();
  json["position_embedding_type"] = "relative_key";
  json["max_position_embeddings"] = 20;
  json["max_sentence_length"] = 8;
  json["max_sentences"] = 16;
  EXPECT_EQ(Parse(json)->max_segments(), 16);
  json["max_sentences"] = 64;
  EXPECT_EQ(Parse(json)->max_segments(), 20);
  json["cross_segment_positions"] = "none";
  EXPECT_EQ(Parse(json)->max_segments(), 20);
  json["max_sentence_length"] = 21;
  EXPECT_FALSE(Parse(json).ok());
}

TEST(HatConfig, WrongValuesAreNamed) {
  ExpectRefused("encoder_layout", nullptr, "encoder_layout");
  ExpectRefused("encoder_layout", {{"0", {{"sentence_encoder", true}}}}, "document_encoder");
  ExpectRefused("num_hidden_layers", 3, "\"2\"");
  ExpectRefused("num_attention_heads", 7, "does not divide");
  ExpectRefused("hidden_act", "maxout", "maxout");
  ExpectRefused("position_embedding_type", "rotary", "relative_key_query");
  ExpectRefused("pooling", "mean", "attentive");
  ExpectRefused("pad_token_id", 40000, "vocab_size");
  ExpectRefused("max_sentence_length", 1, "first token");
  ExpectRefused("hidden_size", "large", "hidden_size");
  ExpectRefused("cross_segment_positions", "removed", "none");
  ExpectRefused("segment_overlap", 4, "uniform");
  ExpectRefused("id2label", Json::object(), "no class");
  ExpectRefused("num_labels", 1 << 24, "at most 1048576");
  ExpectRefused("is_decoder", true, "is_decoder", absl::StatusCode::kUnimplemented);
  ExpectRefused("pruned_heads", {{"1", {0}}}, "pruned", absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace strata::models
