#include "models/smith/smith_release.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::string> Convert(const std::string& settings) {
  return SmithConfigFromSettings(
      settings,
      [](const std::string& name) -> absl::StatusOr<std::string> {
        if (name == "sentences.json") return std::string(R"({"hidden_size": 8})");
        if (name == "documents.json") return std::string(R"({"hidden_size": 9})");
        return absl::NotFoundError("no " + name);
      },
      "settings.pbtxt");
}

TEST(SmithRelease, SettingsBecomeOneConfiguration) {
  const auto config = Convert(R"(
      # how a run was made
      encoder_config {
        model_name: "smith_dual_encoder"  # a comment
        init_checkpoint: "/somewhere/model.ckpt-1"
        bert_config_file: "/data/config/sentences.json"
        doc_bert_config_file: 'documents.json'
        loop_sent_number_per_doc: 48 use_masked_sentence_lm_loss: false
      }
      train_eval_config: { train_batch_size: 32, neg_to_pos_example_ratio: 1.5 }
      loss_config { similarity_score_amplifier: 6.0 })");
  ASSERT_TRUE(config.ok()) << config.status();
  const auto json = nlohmann::json::parse(*config);
  EXPECT_EQ(json["model_type"], "smith");
  EXPECT_EQ(json["bert_config"]["hidden_size"], 8);
  EXPECT_EQ(json["doc_bert_config"]["hidden_size"], 9);
  EXPECT_EQ(json["encoder_config"]["loop_sent_number_per_doc"], 48);
  EXPECT_EQ(json["encoder_config"]["use_masked_sentence_lm_loss"], false);
  EXPECT_FALSE(json["encoder_config"].contains("init_checkpoint"));
  EXPECT_FALSE(json["encoder_config"].contains("bert_config_file"));
  EXPECT_EQ(json["loss_config"]["similarity_score_amplifier"], 6.0);
  EXPECT_EQ(json["train_eval_config"]["neg_to_pos_example_ratio"], 1.5);
  EXPECT_FALSE(json["train_eval_config"].contains("train_batch_size"));
}

TEST(SmithRelease, BytesThatAreNoUtf8AreReplaced) {
  const auto config = Convert(
      "encoder_config { bert_config_file: 'sentences.json' doc_bert_config_file: 'documents.json'"
      " train_mode: 'a\xff' }");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(nlohmann::json::parse(*config)["encoder_config"]["train_mode"], "a\xef\xbf\xbd");
}

TEST(SmithRelease, BrokenSettingsSayWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"encoder_config {", "a message is not closed"},
      {"}", "'}' without '{'"},
      {"encoder_config { a: }", "field 'a' has no value"},
      {"encoder_config { a: \"x }", "field 'a' has no value"},
      {"encoder_config { a 3 }", "field 'a' has no value"},
      {"encoder_config { = }", "a field's name is missing"},
      {"loss_config { }", "encoder_config is missing"},
      {"encoder_config { }", "names no bert_config_file"},
      {"encoder_config { bert_config_file: \"other.json\" }", "no other.json"},
  };
  for (const auto& [settings, expected] : cases) {
    EXPECT_THAT(std::string(Convert(settings).status().message()), HasSubstr(expected)) << settings;
  }
  std::string nested;
  for (int i = 0; i < 100000; ++i) nested += "a{";
  EXPECT_THAT(std::string(Convert(nested).status().message()), HasSubstr("nested too deep"));
}

TEST(SmithRelease, OptimizerVariablesAreNoWeights) {
  EXPECT_TRUE(IsSmithTrainingState("global_step"));
  EXPECT_TRUE(IsSmithTrainingState("bert/pooler/dense/kernel/adam_m"));
  EXPECT_TRUE(IsSmithTrainingState("bert/pooler/dense/kernel/adam_v"));
  EXPECT_FALSE(IsSmithTrainingState("bert/pooler/dense/kernel"));
}

}  // namespace
}  // namespace strata::models
