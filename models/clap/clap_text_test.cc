#include "models/clap/clap_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/layers/tensor_bridge.h"

namespace strata::models {
namespace {

constexpr char kConfig[] = R"({"vocab_size": 30, "hidden_size": 12, "num_hidden_layers": 2,
  "num_attention_heads": 3, "intermediate_size": 20, "max_position_embeddings": 12,
  "projection_dim": 6})";

// A checkpoint of random weights under the published names.
TensorMap Checkpoint() {
  at::manual_seed(5);
  TensorMap map;
  const auto add = [&](const std::string& key, at::IntArrayRef shape) {
    map["text_model." + key] = ToView(at::randn(shape) * 0.3, TensorType::kFloat32);
  };
  const auto linear = [&](const std::string& key, int64_t out, int64_t in) {
    add(key + ".weight", {out, in});
    add(key + ".bias", {out});
  };
  add("embeddings.word_embeddings.weight", {30, 12});
  add("embeddings.position_embeddings.weight", {12, 12});
  add("embeddings.token_type_embeddings.weight", {1, 12});
  add("embeddings.LayerNorm.weight", {12});
  add("embeddings.LayerNorm.bias", {12});
  for (const char* layer : {"encoder.layer.0.", "encoder.layer.1."}) {
    const std::string at = layer;
    for (const char* name : {"query", "key", "value"}) {
      linear(at + "attention.self." + name, 12, 12);
    }
    linear(at + "attention.output.dense", 12, 12);
    linear(at + "intermediate.dense", 20, 12);
    linear(at + "output.dense", 12, 20);
    for (const char* norm : {"attention.output.LayerNorm.", "output.LayerNorm."}) {
      add(at + norm + "weight", {12});
      add(at + norm + "bias", {12});
    }
  }
  linear("pooler.dense", 12, 12);
  const auto projection = [&](const char* key, at::IntArrayRef shape) {
    map[key] = ToView(at::randn(shape) * 0.3, TensorType::kFloat32);
  };
  projection("text_projection.linear1.weight", {6, 12});
  projection("text_projection.linear1.bias", {6});
  projection("text_projection.linear2.weight", {6, 6});
  projection("text_projection.linear2.bias", {6});
  return map;
}

TEST(ClapText, ATextsVectorDoesNotDependOnItsNeighbours) {
  auto config = ParseClapTextConfig(kConfig, "config.json");
  ASSERT_TRUE(config.ok()) << config.status();
  auto model = ClapText::Load(*config, Checkpoint(), "folder");
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<std::vector<int32_t>> texts = {{0, 5, 6, 2}, {0, 2}, {0, 9, 8, 7, 6, 5, 2}};
  auto together = model->Forward(texts);
  ASSERT_TRUE(together.ok()) << together.status();
  EXPECT_EQ(together->last_hidden_state.size(0), 13);
  ASSERT_EQ(together->embedding.sizes(), (std::vector<int64_t>{3, 6}));
  for (int64_t i = 0; i < 3; ++i) {
    auto alone = model->Forward({texts[static_cast<size_t>(i)]});
    ASSERT_TRUE(alone.ok());
    EXPECT_TRUE(at::allclose(alone->embedding[0], together->embedding[i], 1e-5, 1e-6));
  }
  EXPECT_FALSE(at::allclose(together->pooled[0], together->pooled[2], 1e-3, 1e-3));
}

TEST(ClapText, TextsThatDoNotFitAreRefused) {
  auto config = ParseClapTextConfig(kConfig, "config.json");
  auto model = ClapText::Load(*config, Checkpoint(), "folder");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(config->max_tokens(), 10);
  EXPECT_TRUE(model->Forward({std::vector<int32_t>(10, 3)}).ok());
  EXPECT_THAT(model->Forward({std::vector<int32_t>(11, 3)}).status().ToString(),
              testing::HasSubstr("takes 1 to 10"));
  EXPECT_THAT(model->Forward({{3}, {}}).status().ToString(), testing::HasSubstr("text 1 has 0"));
  EXPECT_THAT(model->Forward({{3, 30}}).status().ToString(),
              testing::HasSubstr("token 1 of text 0 is 30"));
  TensorMap broken = Checkpoint();
  broken.erase("text_model.pooler.dense.bias");
  EXPECT_THAT(ClapText::Load(*config, broken, "folder").status().ToString(),
              testing::HasSubstr("pooler.dense.bias"));
}

}  // namespace
}  // namespace strata::models
