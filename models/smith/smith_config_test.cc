#include "models/smith/smith_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Json Small() {
  return Json::parse(R"({
    "model_type": "smith",
    "bert_config": {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 2,
                    "max_position_embeddings": 40},
    "doc_bert_config": {"vocab_size": 50, "hidden_size": 16, "num_attention_heads": 4,
                        "max_position_embeddings": 70}})");
}

TEST(SmithConfig, LayersHaveALimit) {
  Json json = Small();
  json["bert_config"]["num_hidden_layers"] = 16777216;
  EXPECT_EQ(ParseSmithConfig(json.dump(), "c").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SmithConfig, DefaultsAreTheReferences) {
  const auto config = ParseSmithConfig(Small().dump(), "config.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->max_sent_length_by_word, 32);
  EXPECT_EQ(config->max_doc_length_by_sentence, 64);
  EXPECT_EQ(config->loop_sent_number_per_doc, 64);
  EXPECT_EQ(config->combine_mode, SmithCombineMode::kNormal);
  EXPECT_EQ(config->doc_rep_combine_attention_size, 256);
  EXPECT_EQ(config->similarity_score_amplifier, 6.0);
  EXPECT_EQ(config->neg_to_pos_example_ratio, 1.0);
  EXPECT_TRUE(config->greedy_sentence_filling);
  EXPECT_FALSE(config->continue_long_sentences);
  EXPECT_EQ(config->sentence.num_hidden_layers, 12);
  EXPECT_EQ(config->sentence.intermediate_size, 3072);
  EXPECT_EQ(config->sentence.type_vocab_size, 16);
  EXPECT_EQ(config->sentence.activation, Activation::kGeluTanh);
  EXPECT_EQ(config->document_size(), 16);
}

TEST(SmithConfig, SettingsAreRead) {
  Json json = Small();
  json["encoder_config"] = {
      {"max_sent_length_by_word", 20},        {"max_doc_length_by_sentence", 60},
      {"loop_sent_number_per_doc", 48},       {"doc_rep_combine_mode", "attention"},
      {"doc_rep_combine_attention_size", 24}, {"continue_long_sentences", true}};
  json["loss_config"]["similarity_score_amplifier"] = 3;
  json["train_eval_config"]["neg_to_pos_example_ratio"] = 2.5;
  json["bert_config"]["hidden_act"] = "ReLU";
  json["doc_bert_config"]["hidden_act"] = "linear";
  const auto config = ParseSmithConfig(json.dump(), "config.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->block_words(), 17);
  EXPECT_EQ(config->loop_sent_number_per_doc, 48);
  EXPECT_EQ(config->combine_mode, SmithCombineMode::kAttention);
  EXPECT_EQ(config->document_size(), 32);
  EXPECT_TRUE(config->continue_long_sentences);
  EXPECT_EQ(config->similarity_score_amplifier, 3);
  EXPECT_EQ(config->neg_to_pos_example_ratio, 2.5);
  EXPECT_EQ(config->sentence.activation, Activation::kRelu);
  EXPECT_EQ(config->document.activation, Activation::kIdentity);
}

TEST(SmithConfig, WhatCannotBeIsRefusedByName) {
  const auto error = [](const char* object, const char* field, const Json& value) {
    Json json = Small();
    (object[0] == '\0' ? json : json[object])[field] = value;
    const auto config = ParseSmithConfig(json.dump(), "config.json");
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(config.status().message());
  };
  EXPECT_THAT(error("bert_config", "hidden_size", 8),
              HasSubstr("doc_bert_config has hidden_size 16, bert_config 8"));
  EXPECT_THAT(error("bert_config", "num_attention_heads", 3), HasSubstr("does not divide"));
  EXPECT_THAT(error("bert_config", "hidden_act", "gelu_new"), HasSubstr("'gelu_new' is none of"));
  EXPECT_THAT(error("bert_config", "vocab_size", 1 << 25), HasSubstr("vocab_size"));
  EXPECT_THAT(error("bert_config", "max_position_embeddings", 31),
              HasSubstr("max_sent_length_by_word is 32, over bert_config's"));
  EXPECT_THAT(error("doc_bert_config", "max_position_embeddings", 63),
              HasSubstr("loop_sent_number_per_doc is 64, over doc_bert_config's"));
  EXPECT_THAT(error("encoder_config", "max_sent_length_by_word", 3), HasSubstr("outside 4"));
  EXPECT_THAT(error("encoder_config", "max_doc_length_by_sentence", 63),
              HasSubstr("loop_sent_number_per_doc is 64, over max_doc_length_by_sentence 63"));
  EXPECT_THAT(error("encoder_config", "doc_rep_combine_mode", "max"),
              HasSubstr("'max' is none of normal"));
  EXPECT_THAT(error("encoder_config", "model_name", "bert_dual_encoder"),
              HasSubstr("is not smith_dual_encoder"));
  EXPECT_THAT(error("", "pad_token_id", 50), HasSubstr("pad_token_id"));
  EXPECT_THAT(error("", "bert_config", nullptr), HasSubstr("bert_config: hidden_size and all"));
}

}  // namespace
}  // namespace strata::models
