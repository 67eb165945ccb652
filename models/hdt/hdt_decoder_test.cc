#include "models/hdt/hdt_decoder.h"

#include <ATen/core/grad_mode.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/layers/tensor_bridge.h"

namespace strata::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HdtConfig SmallConfig() {
  HdtConfig config;
  config.vocab_size = 50;
  config.d_model = 24;
  config.d_kv = 8;
  config.d_ff = 20;
  config.num_heads = 3;
  config.num_decoder_layers = 2;
  config.relative_attention_num_buckets = 8;
  config.relative_attention_max_distance = 12;
  config.decoder_start_token_id = 6;
  return config;
}

HdtDecoder SmallDecoder(const HdtConfig& config) {
  at::manual_seed(7);
  HdtDecoder decoder(config, InitialHdtDecoderWeights(config, at::randn({50, 24})));
  for (const WeightEntry& entry : decoder.Table()) {
    if (entry.shape.size() > 1) RowsOf(entry).normal_(0, 0.4);
  }
  return decoder;
}

// Two documents of 5 and 3 encoder rows.
EncoderMemory SmallMemory() {
  at::manual_seed(8);
  return {at::randn({8, 24}), {0, 5, 8}};
}

EncoderMemory Only(const EncoderMemory& memory, size_t document) {
  const int64_t first = memory.cu_seqlens[document];
  const int64_t count = memory.cu_seqlens[document + 1] - first;
  return {memory.states.narrow(0, first, count), {0, count}};
}

at::Tensor LogitsOf(const HdtDecoder& decoder, const std::vector<int32_t>& ids,
                    const EncoderMemory& memory) {
  auto states = decoder.Forward({ids, {0, std::ssize(ids)}, {}}, memory);
  EXPECT_TRUE(states.ok()) << states.status();
  return decoder.Logits(*states);
}

double Difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(HdtDecoder, APackedPassEqualsEachDocumentAlone) {
  const at::NoGradGuard no_grad;
  const HdtDecoder decoder = SmallDecoder(SmallConfig());
  const EncoderMemory memory = SmallMemory();
  const std::vector<int32_t> first{6, 10, 11, 12}, second{6, 20};
  auto packed = decoder.Forward({{6, 10, 11, 12, 6, 20}, {0, 4, 6}, {}}, memory);
  ASSERT_TRUE(packed.ok()) << packed.status();
  const at::Tensor logits = decoder.Logits(*packed);
  EXPECT_LT(Difference(logits.narrow(0, 0, 4), LogitsOf(decoder, first, Only(memory, 0))), 1e-5);
  EXPECT_LT(Difference(logits.narrow(0, 4, 2), LogitsOf(decoder, second, Only(memory, 1))), 1e-5);
}

TEST(HdtDecoder, StepsWithTheCacheEqualOnePass) {
  const at::NoGradGuard no_grad;
  for (bool tied : {true, false}) {
    HdtConfig config = SmallConfig();
    config.tie_word_embeddings = tied;
    const HdtDecoder decoder = SmallDecoder(config);
    const EncoderMemory memory = SmallMemory();
    auto decoding = decoder.Start(memory, {1, 2});
    ASSERT_TRUE(decoding.ok()) << decoding.status();
    // More steps than the cache has room for at first, and past the last bucket of the bias.
    std::vector<std::vector<int32_t>> rows(3);
    for (int step = 0; step < 40; ++step) {
      std::vector<int32_t> tokens;
      for (int r = 0; r < 3; ++r) {
        rows[static_cast<size_t>(r)].push_back((step * 7 + r * 13 + 6) % 50);
        tokens.push_back(rows[static_cast<size_t>(r)].back());
      }
      auto logits = (*decoding)->Step(tokens);
      ASSERT_TRUE(logits.ok()) << logits.status();
      if (step % 13 != 0) continue;
      for (size_t r = 0; r < 3; ++r) {
        const at::Tensor full = LogitsOf(decoder, rows[r], Only(memory, r == 0 ? 0 : 1));
        EXPECT_LT(Difference((*logits)[static_cast<int64_t>(r)], full[-1]), 1e-4) << step;
      }
    }
  }
}

TEST(HdtDecoder, SelectedRowsGoOnAsTheRowsTheyCopy) {
  const at::NoGradGuard no_grad;
  const HdtDecoder decoder = SmallDecoder(SmallConfig());
  const EncoderMemory memory = SmallMemory();
  auto decoding = decoder.Start(memory, {2, 2});
  ASSERT_TRUE(decoding.ok());
  ASSERT_TRUE((*decoding)->Step({6, 7, 8, 9}).ok());
  (*decoding)->Select({1, 3, 3, 2});  // one row of the first document, three of the second
  auto logits = (*decoding)->Step({30, 31, 32, 33});
  ASSERT_TRUE(logits.ok()) << logits.status();
  const std::vector<std::vector<int32_t>> rows{{7, 30}, {9, 31}, {9, 32}, {8, 33}};
  for (size_t r = 0; r < rows.size(); ++r) {
    const at::Tensor full = LogitsOf(decoder, rows[r], Only(memory, r == 0 ? 0 : 1));
    EXPECT_LT(Difference((*logits)[static_cast<int64_t>(r)], full[-1]), 1e-5) << r;
  }
  (*decoding)->Select({2});  // the first document is done
  logits = (*decoding)->Step({40});
  ASSERT_TRUE(logits.ok());
  EXPECT_LT(Difference((*logits)[0], LogitsOf(decoder, {9, 32, 40}, Only(memory, 1))[-1]), 1e-5);
}

TEST(HdtDecoder, AttentionOverTheDocumentSumsToOne) {
  const at::NoGradGuard no_grad;
  const HdtDecoder decoder = SmallDecoder(SmallConfig());
  auto decoding = decoder.Start(SmallMemory(), {1, 2});
  ASSERT_TRUE(decoding.ok());
  ASSERT_TRUE((*decoding)->Step({6, 6, 6}).ok());
  ASSERT_TRUE((*decoding)->Step({6, 7, 8}).ok());
  const int64_t rows_of[] = {5, 3, 3};
  for (int64_t row = 0; row < 3; ++row) {
    const at::Tensor attention = (*decoding)->Attention(row);
    ASSERT_EQ(attention.size(0), rows_of[row]);
    EXPECT_NEAR(attention.sum().item<double>(), 1.0, 1e-5);
  }
  EXPECT_GT(Difference((*decoding)->Attention(1), (*decoding)->Attention(2)), 1e-6);
}

TEST(HdtDecoder, HiddenTokensChangeNothingForOthers) {
  const at::NoGradGuard no_grad;
  const HdtDecoder decoder = SmallDecoder(SmallConfig());
  const EncoderMemory memory = Only(SmallMemory(), 0);
  const auto last = [&](int32_t second) {
    HdtTargets targets{{6, second, 12}, {0, 3}, at::tensor({0, 1, 0}) != 0};
    auto states = decoder.Forward(targets, memory);
    EXPECT_TRUE(states.ok());
    return (*states)[2];
  };
  EXPECT_EQ(Difference(last(10), last(11)), 0);
}

TEST(HdtDecoder, RefusesWhatDoesNotFit) {
  const HdtDecoder decoder = SmallDecoder(SmallConfig());
  const EncoderMemory memory = SmallMemory();
  EXPECT_THAT(std::string(decoder.Forward({{6, 50}, {0, 1, 2}, {}}, memory).status().message()),
              HasSubstr("id 50"));
  EXPECT_FALSE(decoder.Forward({{6}, {0, 1}, {}}, memory).ok());
  EXPECT_FALSE(decoder.Start({memory.states, {0, 8, 8}}, {1, 1}).ok());
  auto decoding = decoder.Start(memory, {1, 1});
  ASSERT_TRUE(decoding.ok());
  EXPECT_FALSE((*decoding)->Step({6}).ok());
  EXPECT_FALSE((*decoding)->Step({6, -1}).ok());
}

TEST(HdtDecoder, LoadNamesTheKeyAndRefusesSizesBeforeMakingThem) {
  HdtConfig config = SmallConfig();
  HdtDecoder decoder = SmallDecoder(config);
  const at::Tensor shared = at::randn({50, 24});
  TensorMap checkpoint = SaveWeights(decoder.Table(), TensorType::kFloat32);
  EXPECT_TRUE(HdtDecoder::Load(config, shared, checkpoint, "m").ok());
  TensorMap surplus = checkpoint;
  surplus["decoder.block.7.layer.0.layer_norm.weight"] =
      ToView(at::ones({24}), TensorType::kFloat32);
  EXPECT_THAT(std::string(HdtDecoder::Load(config, shared, surplus, "m").status().message()),
              HasSubstr("decoder.block.7"));
  checkpoint.erase("decoder.block.1.layer.1.EncDecAttention.k.weight");
  EXPECT_THAT(std::string(HdtDecoder::Load(config, shared, checkpoint, "m").status().message()),
              HasSubstr("EncDecAttention.k.weight' is missing"));
  checkpoint = SaveWeights(decoder.Table(), TensorType::kFloat32);
  config.num_decoder_layers = 900;
  EXPECT_THAT(std::string(HdtDecoder::Load(config, shared, checkpoint, "m").status().message()),
              HasSubstr("decoder.block.2.layer.0.SelfAttention.q.weight' is missing"));
}

TEST(HdtShiftRight, PutsTheStartTokenInFrontAndPadsWhatIsIgnored) {
  EXPECT_THAT(HdtShiftRight(SmallConfig(), {10, 11, -100, -100}), ElementsAre(6, 10, 11, 0));
}

}  // namespace
}  // namespace strata::models
