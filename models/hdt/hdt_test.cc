// HDT against plain forms: flat mode written out over padded rows, and the masked-LM head.
#include "models/hdt/hdt.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/layers/layers.h"
#include "models/layers/tensor_bridge.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRows = 9, kReal = 6;

HdtConfig SmallConfig() {
  HdtConfig config;
  config.vocab_size = 30;
  config.d_model = 24;
  config.d_kv = 8;
  config.d_ff = 20;
  config.num_heads = 3;
  config.num_layers = 2;
  config.relative_attention_num_buckets = 8;
  config.relative_attention_max_distance = 6;
  config.is_encoder_decoder = false;
  config.prediction_head = true;
  return config;
}

Hdt RandomHdt(const HdtConfig& config, const HdtHeads& heads) {
  at::manual_seed(5);
  Hdt model(config, heads, InitialHdtWeights(config, heads));
  for (const WeightEntry& entry : model.Table()) {
    if (entry.shape.size() > 1) RowsOf(entry).normal_(0, 0.4);
  }
  return model;
}

// One document with a sentence of kReal - 3 words; padding behind it.
AnchoredSequence PaddedDocument() {
  AnchoredSequence sequence;
  sequence.Append(7, TokenRole::kDocumentAnchor, -1, {0, 0, 0}, 0, {});
  sequence.Append(8, TokenRole::kSectionAnchor, 0, {0, 0, 1}, 0, {});
  sequence.Append(3, TokenRole::kSentenceAnchor, 1, {0, 1, 1}, 0, {});
  for (int32_t j = 1; j <= kReal - 3; ++j) {
    sequence.Append(10 + j, TokenRole::kWord, 2, {j, 1, 1}, 0, {});
  }
  for (int64_t t = kReal; t < kRows; ++t) sequence.Append(0, TokenRole::kWord, 0, {}, 0, {});
  return sequence;
}

PackedBatch PackOne(const AnchoredSequence& sequence) {
  const AnchoredSequence* const only[] = {&sequence};
  auto batch = Pack(only);
  EXPECT_TRUE(batch.ok()) << batch.status();
  return *std::move(batch);
}

// T5's bucket of a distance key - query, both directions, number by number.
int64_t Bucket(int64_t distance, int64_t buckets, int64_t max_distance) {
  const int64_t half = buckets / 2, exact = half / 2, length = std::abs(distance);
  const int64_t side = distance > 0 ? half : 0;
  if (length < exact) return side + length;
  const double scaled = std::log(static_cast<double>(length) / static_cast<double>(exact)) /
                        std::log(static_cast<double>(max_distance) / static_cast<double>(exact));
  const auto large = exact + static_cast<int64_t>(scaled * static_cast<double>(half - exact));
  return side + std::min(large, half - 1);
}

// All rows of the reference's flat mode, [kRows, d]: every row is a query, hidden ones are no keys.
at::Tensor DenseFlat(Hdt& model, const AnchoredSequence& sequence,
                     const std::vector<bool>& hidden) {
  const HdtConfig& config = model.config();
  const HdtWeights& weights = model.weights();
  const double epsilon = config.layer_norm_epsilon;
  const auto rows = static_cast<int64_t>(hidden.size());
  at::Tensor places = at::empty({rows, 3}, at::kInt);
  at::Tensor added = at::zeros({config.num_heads, rows, rows});
  for (int64_t q = 0; q < rows; ++q) {
    for (int64_t l = 0; l < 3; ++l) {
      places[q][l] = sequence.positions[static_cast<size_t>(q)][static_cast<size_t>(l)];
    }
    for (int64_t k = 0; k < rows; ++k) {
      const int64_t bucket = Bucket(k - q, config.relative_attention_num_buckets,
                                    config.relative_attention_max_distance);
      for (int64_t h = 0; h < config.num_heads; ++h) {
        added[h][q][k] = weights.relative_attention_bias[bucket][h];
        if (hidden[static_cast<size_t>(k)]) added[h][q][k] += std::numeric_limits<float>::lowest();
      }
    }
  }
  at::Tensor x = at::embedding(weights.shared, at::tensor(sequence.token_ids, at::kInt)) +
                 weights.scale_factor * SinusoidPositions(places, config.d_model);
  x = RmsNorm(x, weights.emb_norm, epsilon);
  for (const TransformerLayer& layer : weights.layers) {
    const at::Tensor qkv =
        at::linear(RmsNorm(x, layer.attention_norm.weight, epsilon), layer.qkv.weight)
            .view({rows, 3, config.num_heads, config.d_kv})
            .permute({1, 2, 0, 3});
    const at::Tensor scores =
        at::matmul(qkv[0], qkv[1].transpose(1, 2)) / std::sqrt(config.d_model / config.num_heads) +
        added;
    const at::Tensor context =
        at::matmul(at::softmax(scores, -1), qkv[2]).transpose(0, 1).reshape({rows, -1});
    x = x + at::linear(context, layer.attention_out.weight);
    const at::Tensor inner = at::relu(at::linear(
        RmsNorm(x, layer.feed_forward_norm.weight, epsilon), layer.feed_forward_in.weight));
    x = x + at::linear(inner, layer.feed_forward_out.weight);
  }
  return RmsNorm(x, weights.final_layer_norm, epsilon);
}

TEST(Hdt, FlatPaddingRowsAttendToTheDocument) {
  const at::NoGradGuard no_grad;
  HdtConfig config = SmallConfig();
  config.is_hierarchical = false;
  Hdt model = RandomHdt(config, {.pooler = true});
  const AnchoredSequence sequence = PaddedDocument();
  const PackedBatch batch = PackOne(sequence);
  std::vector<bool> padding(kRows, false), odd(kRows, false);
  for (size_t t = kReal; t < kRows; ++t) padding[t] = true;
  odd[0] = odd[4] = odd[8] = true;
  for (const std::vector<bool>& hidden : {std::vector<bool>(kRows, false), padding, odd}) {
    HdtForwardOptions options;
    options.hidden = at::zeros({kRows}, at::kBool);
    for (int64_t t = 0; t < kRows; ++t) options.hidden[t] = bool{hidden[static_cast<size_t>(t)]};
    auto states = model.Forward(batch, options);
    ASSERT_TRUE(states.ok()) << states.status();
    const at::Tensor expected = DenseFlat(model, sequence, hidden);
    EXPECT_LT((*states - expected).abs().max().item<double>(), 1e-4);
    for (HdtPooling pooling : {HdtPooling::kMeanAllRows, HdtPooling::kMaxAllRows}) {
      const at::Tensor pooled =
          pooling == HdtPooling::kMeanAllRows ? expected.mean(0) : expected.amax(0);
      const at::Tensor vector =
          at::tanh(at::linear(pooled, model.weights().pooler_weight, model.weights().pooler_bias));
      EXPECT_LT((model.Pool(*states, batch, pooling)[0] - vector).abs().max().item<double>(), 1e-4);
    }
  }
}

TEST(Hdt, AnUntiedMaskedLmHeadHasItsOwnMatrix) {
  const at::NoGradGuard no_grad;
  HdtConfig config = SmallConfig();
  const HdtHeads heads{.pooler = false, .masked_lm = true};
  Hdt tied = RandomHdt(config, heads);
  TensorMap checkpoint = SaveWeights(tied.Table("model."), TensorType::kFloat32);
  checkpoint["cls.predictions.decoder.weight"] =
      ToView(tied.weights().shared * 2, TensorType::kFloat32);
  const at::Tensor states = at::randn({4, config.d_model});
  const at::Tensor once = tied.MaskedLmLogits(states);

  // A file of tied weights may repeat the matrix.
  EXPECT_TRUE(Hdt::Load(config, heads, checkpoint, nullptr, "m").ok());
  config.tie_word_embeddings = false;
  auto untied = Hdt::Load(config, heads, checkpoint, nullptr, "m");
  ASSERT_TRUE(untied.ok()) << untied.status();
  EXPECT_LT((untied->MaskedLmLogits(states) - 2 * once).abs().max().item<double>(), 1e-4);
  EXPECT_TRUE(SaveWeights(untied->Table("model."), TensorType::kFloat32)
                  .contains("cls.predictions.decoder.weight"));
  checkpoint.erase("cls.predictions.decoder.weight");
  EXPECT_THAT(std::string(Hdt::Load(config, heads, checkpoint, nullptr, "m").status().message()),
              HasSubstr("cls.predictions.decoder.weight' is missing"));
}

TEST(Hdt, SizesOfAnotherConfigurationAreFoundBeforeTheyAreAllocated) {
  HdtConfig config = SmallConfig();
  Hdt model = RandomHdt(config, {});
  const TensorMap checkpoint = SaveWeights(model.Table(), TensorType::kFloat32);
  const auto error = [&](const HdtConfig& wrong) {
    return std::string(Hdt::Load(wrong, {}, checkpoint, nullptr, "m").status().message());
  };
  EXPECT_EQ(error(config), "");
  HdtConfig wrong = config;
  wrong.num_layers = 1000;
  EXPECT_THAT(error(wrong), HasSubstr("encoder.block.2.layer.0.SelfAttention.q.weight"));
  wrong = config;
  wrong.d_ff = 1 << 24;
  EXPECT_THAT(error(wrong), HasSubstr("DenseReluDense.wi.weight"));
}

TEST(Hdt, WhatACheckpointLacksStartsFresh) {
  HdtConfig config = SmallConfig();
  const HdtHeads heads{.pooler = true, .masked_lm = false};
  Hdt model = RandomHdt(config, {});
  TensorMap checkpoint = SaveWeights(model.Table(), TensorType::kFloat32);
  checkpoint.erase("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
  auto loaded = Hdt::Load(config, heads, checkpoint, nullptr, "m");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->weights().pooler_weight.size(0), config.d_model);
  EXPECT_EQ(loaded->weights().pooler_bias.abs().max().item<double>(), 0);
  EXPECT_EQ(loaded->weights().relative_attention_bias.size(0),
            config.relative_attention_num_buckets);
  config.is_hierarchical = false;  // then it is read
  EXPECT_FALSE(Hdt::Load(config, heads, checkpoint, nullptr, "m").ok());
}

}  // namespace
}  // namespace strata::models
