// The packed model against the reference's formulas over padded rows, written out plainly, and its
// objectives. Golden cases stand in tests/golden.
#include "models/smith/smith.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/smith/smith_objectives.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

SmithConfig Tiny(SmithCombineMode mode) {
  SmithConfig config;
  config.sentence.vocab_size = 40;
  config.sentence.hidden_size = config.document.hidden_size = 16;
  config.sentence.num_hidden_layers = 2;
  config.document.num_hidden_layers = 2;
  config.sentence.num_attention_heads = 2;
  config.document.num_attention_heads = 4;
  config.sentence.intermediate_size = config.document.intermediate_size = 24;
  config.sentence.max_position_embeddings = 12;
  config.document.max_position_embeddings = 9;
  config.sentence.type_vocab_size = 2;
  config.sentence.initializer_range = config.document.initializer_range = 0.3;
  config.max_sent_length_by_word = 8;
  config.max_doc_length_by_sentence = config.loop_sent_number_per_doc = 5;
  config.combine_mode = mode;
  config.doc_rep_combine_attention_size = 6;
  return config;
}

constexpr int64_t kDocuments = 3, kMasked = 2;

Smith TinyModel(SmithCombineMode mode) {
  at::manual_seed(3);
  const SmithConfig config = Tiny(mode);
  SmithHeads heads;
  heads.words = heads.sentences = true;
  heads.num_masked_sentences = kDocuments * kMasked;
  SmithWeights weights = InitialSmithWeights(config, heads);
  // Norms and biases that do nothing would hide mistakes.
  for (const WeightEntry& entry : SmithWeightTable(config, heads, weights)) {
    if (entry.shape.size() == 1) entry.tensor->add_(at::randn_like(*entry.tensor) * 0.2);
  }
  return Smith(config, heads, std::move(weights));
}

// Padded rows as the reference has them, and the same documents packed.
struct Case {
  at::Tensor ids;   // [B, loop, L]
  at::Tensor mask;  // the same, float
  std::vector<AnchoredSequence> sequences;
  PackedBatch batch;
};

Case RandomCase(const SmithConfig& config, uint32_t seed) {
  std::mt19937 random(seed);
  const int64_t loop = config.loop_sent_number_per_doc, length = config.max_sent_length_by_word;
  Case one;
  one.ids = at::zeros({kDocuments, loop, length}, at::kLong);
  one.mask = at::zeros({kDocuments, loop, length});
  std::vector<const AnchoredSequence*> pointers;
  one.sequences.resize(kDocuments);
  for (int64_t b = 0; b < kDocuments; ++b) {
    AnchoredSequence& sequence = one.sequences[b];
    const int64_t blocks = b == 0 ? loop : 1 + static_cast<int64_t>(random() % loop);
    for (int64_t j = 0; j < blocks; ++j) {
      const int64_t tokens = 3 + static_cast<int64_t>(random() % (length - 2));
      const auto root = static_cast<int32_t>(sequence.num_tokens());
      for (int32_t t = 0; t < tokens; ++t) {
        const auto id = static_cast<int32_t>(1 + random() % 39);
        one.ids[b][j][t] = id;
        one.mask[b][j][t] = 1;
        sequence.token_ids.push_back(id);
        sequence.roles.push_back(t == 0 ? TokenRole::kSentenceAnchor : TokenRole::kWord);
        sequence.parents.push_back(t == 0 ? -1 : root);
        sequence.positions.push_back({t, static_cast<int32_t>(j), 0});
        sequence.nodes.push_back(-1);
        sequence.spans.push_back({});
      }
    }
    pointers.push_back(&sequence);
  }
  one.batch = Pack(pointers).value();
  return one;
}

at::Tensor NaiveNorm(const Norm& norm, const at::Tensor& x) {
  const at::Tensor centred = x - x.mean(-1, true);
  return centred / (centred.square().mean(-1, true) + 1e-12).sqrt() * norm.weight + norm.bias;
}

at::Tensor NaiveUnit(const at::Tensor& x) {
  return x / x.square().sum(-1, true).clamp_min(1e-12).sqrt();
}

at::Tensor NaiveGelu(const at::Tensor& x) {
  return 0.5 * x * (1 + at::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x.pow(3))));
}

// x [n, L, C]; mask [n, L] on keys. Softmax does not see what all keys of a row are shifted by;
// where all are hidden it is left out, as float32 would round the scores of -10000 away.
at::Tensor NaiveLayers(const std::vector<TransformerLayer>& layers, int64_t heads, at::Tensor x,
                       const at::Tensor& mask) {
  const int64_t n = x.size(0), length = x.size(1), hidden = x.size(2);
  for (const TransformerLayer& layer : layers) {
    at::Tensor shift = ((1 - mask) * -10000.0).view({n, 1, 1, length});
    shift = shift - shift.amax(-1, true);
    const at::Tensor qkv = at::linear(x, layer.qkv.weight, layer.qkv.bias)
                               .view({n, length, 3, heads, hidden / heads})
                               .permute({2, 0, 3, 1, 4});
    const at::Tensor scores =
        at::matmul(qkv[0], qkv[1].transpose(-1, -2)) / std::sqrt(double(hidden / heads)) + shift;
    const at::Tensor context =
        at::matmul(at::softmax(scores, -1), qkv[2]).transpose(1, 2).reshape({n, length, hidden});
    const at::Tensor attended =
        NaiveNorm(layer.attention_norm,
                  x + at::linear(context, layer.attention_out.weight, layer.attention_out.bias));
    const at::Tensor inner =
        NaiveGelu(at::linear(attended, layer.feed_forward_in.weight, layer.feed_forward_in.bias));
    x = NaiveNorm(
        layer.feed_forward_norm,
        attended + at::linear(inner, layer.feed_forward_out.weight, layer.feed_forward_out.bias));
  }
  return x;
}

at::Tensor NaiveVector(const Linear& pooler, const Linear& dense, const at::Tensor& first) {
  return NaiveUnit(at::relu(at::linear(at::tanh(at::linear(first, pooler.weight, pooler.bias)),
                                       dense.weight, dense.bias)));
}

struct NaiveOutput {
  at::Tensor states, blocks, contextual, documents;
};

// `masked` [B, loop] bool or undefined.
NaiveOutput NaiveForward(const Smith& model, const Case& one, const at::Tensor& masked = {}) {
  const SmithWeights& w = model.weights();
  const SmithConfig& config = model.config();
  const int64_t loop = one.ids.size(1), length = one.ids.size(2), rows = kDocuments * loop;
  NaiveOutput output;
  const at::Tensor embedded =
      NaiveNorm(w.embedding_norm, w.word_embeddings.index({one.ids.view({rows, length})}) +
                                      w.token_type_embeddings[0] +
                                      w.position_embeddings.narrow(0, 0, length));
  output.states = NaiveLayers(w.sentence_layers, config.sentence.num_attention_heads, embedded,
                              one.mask.view({rows, length}));
  output.blocks =
      NaiveVector(w.pooler, w.block_dense, output.states.select(1, 0)).view({kDocuments, loop, -1});
  at::Tensor input = output.blocks;
  if (masked.defined()) input = at::where(masked.unsqueeze(-1), w.sentence_mask, input);
  const at::Tensor block_mask = one.mask.amax(-1);
  output.contextual = NaiveLayers(
      w.document_layers, config.document.num_attention_heads,
      NaiveNorm(w.block_norm, input + w.block_positions.narrow(0, 0, loop)), block_mask);
  const at::Tensor r =
      NaiveVector(w.document_pooler, w.document_dense, output.contextual.select(1, 0));
  at::Tensor extra;
  switch (config.combine_mode) {
    case SmithCombineMode::kNormal:
      output.documents = r;
      return output;
    case SmithCombineMode::kSumConcat:
      extra = output.blocks.sum(1);
      break;
    case SmithCombineMode::kMeanConcat:
      extra = output.blocks.mean(1);
      break;
    case SmithCombineMode::kAttention: {
      const at::Tensor score =
          (at::tanh(at::linear(output.blocks, w.combine_dense.weight, w.combine_dense.bias)) *
           w.combine_context)
              .sum(-1, true);
      extra = (output.blocks * at::softmax(score, 1)).sum(1);
      break;
    }
  }
  output.documents = at::cat({extra, r}, 1);
  return output;
}

double Difference(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() ? (a - b).abs().max().item<double>() : INFINITY;
}

TEST(Smith, PackedEqualsPaddedInEveryCombineMode) {
  const at::NoGradGuard no_grad;
  for (const SmithCombineMode mode :
       {SmithCombineMode::kNormal, SmithCombineMode::kSumConcat, SmithCombineMode::kMeanConcat,
        SmithCombineMode::kAttention}) {
    const Smith model = TinyModel(mode);
    const Case one = RandomCase(model.config(), 5);
    const NaiveOutput expected = NaiveForward(model, one);
    SmithForwardOptions options;
    options.want_states = true;
    const auto output = model.Forward(one.batch, options);
    ASSERT_TRUE(output.ok()) << output.status();
    EXPECT_EQ(output->documents.size(1), model.config().document_size());
    EXPECT_LT(Difference(output->documents, expected.documents), 1e-5);
    const at::Tensor tokens = one.mask.view({-1, one.mask.size(2)}) > 0;
    const at::Tensor blocks = one.mask.amax(-1) > 0;
    EXPECT_LT(Difference(output->states, expected.states.index({tokens})), 1e-5);
    EXPECT_LT(Difference(output->blocks, expected.blocks.index({blocks})), 1e-5);
    EXPECT_LT(Difference(output->contextual, expected.contextual.index({blocks})), 1e-5);
    // Without the tokens' states the last layer is run for the blocks' first tokens alone.
    const auto shorter = model.Forward(one.batch);
    ASSERT_TRUE(shorter.ok()) << shorter.status();
    EXPECT_FALSE(shorter->states.defined());
    EXPECT_LT(Difference(shorter->documents, output->documents), 1e-6);
    // Packed for serving.
    Smith served = model;
    ASSERT_TRUE(served.PackForInference().ok());
    for (const bool want_states : {false, true}) {
      SmithForwardOptions serving;
      serving.want_states = want_states;
      const auto answer = served.Forward(one.batch, serving);
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_LT(Difference(answer->documents, expected.documents), 1e-5);
      EXPECT_LT(Difference(answer->contextual, output->contextual), 1e-5);
      if (want_states) {
        EXPECT_LT(Difference(answer->states, output->states), 1e-5);
      }
    }
    // Alone, with the padding block at hand.
    options.padding_block = model.PaddingBlock();
    const auto alone = model.Forward(Pack({&one.sequences[1]}).value(), options);
    ASSERT_TRUE(alone.ok()) << alone.status();
    EXPECT_LT(Difference(alone->documents[0], output->documents[1]), 1e-6);
  }
}

TEST(Smith, MatchLossWeighsPositives) {
  Smith model = TinyModel(SmithCombineMode::kNormal);
  SmithConfig config = model.config();
  config.neg_to_pos_example_ratio = 3;
  const at::Tensor first = at::tensor({0.6, 0.8, 1.0, 0.0}).view({2, 2});
  const at::Tensor second = at::tensor({0.8, 0.6, 0.0, 1.0}).view({2, 2});
  const at::Tensor logits = model.MatchLogits(first, second);
  EXPECT_NEAR(logits[0].item<double>(), 6 * 0.96, 1e-5);
  EXPECT_NEAR(logits[1].item<double>(), 0, 1e-6);
  const double expected = (3 * std::log1p(std::exp(-5.76)) + std::log(2.0)) / 2;  // labels 1 and 0
  EXPECT_NEAR(SmithMatchLoss(config, logits, at::tensor({1, 0})).item<double>(), expected, 1e-5);
}

TEST(Smith, MaskedBlocksAreRecognisedAmongAllMaskedOnes) {
  Smith model = TinyModel(SmithCombineMode::kNormal);
  const Case one = RandomCase(model.config(), 8);
  std::mt19937_64 random(1);
  const auto drawn = DrawMaskedBlocks(model.config(), kDocuments, random);
  ASSERT_EQ(drawn.size(), kDocuments);
  for (const auto& numbers : drawn) {
    ASSERT_EQ(numbers.size(), kMasked);
    EXPECT_LT(numbers[0], numbers[1]);
  }
  // The last document masks its padding, too.
  std::vector<std::vector<int32_t>> masked = drawn;
  masked[2] = {0, model.config().loop_sent_number_per_doc - 1};
  at::Tensor is_masked = at::zeros({kDocuments, one.ids.size(1)}, at::kBool);
  at::Tensor places = at::zeros({kDocuments, kMasked}, at::kLong);
  for (int64_t b = 0; b < kDocuments; ++b) {
    for (int64_t m = 0; m < kMasked; ++m) {
      is_masked[b][masked[b][m]] = true;
      places[b][m] = masked[b][m];
    }
  }
  const NaiveOutput naive = NaiveForward(model, one, is_masked);
  const SmithWeights& w = model.weights();
  const auto gather = [&](const at::Tensor& rows) {  // [B, loop, C] → [B · kMasked, C]
    return rows.gather(1, places.unsqueeze(-1).expand({-1, -1, rows.size(2)}))
        .reshape({kDocuments * kMasked, -1});
  };
  const at::Tensor transformed = NaiveNorm(
      w.sentence_norm, NaiveGelu(at::linear(gather(naive.contextual), w.sentence_transform.weight,
                                            w.sentence_transform.bias)));
  const at::Tensor log_probability =
      at::log_softmax(at::matmul(transformed, gather(naive.blocks).t()) + w.sentence_bias, -1);
  const at::Tensor weight = (one.mask.amax(-1) > 0).gather(1, places).reshape({-1}).to(at::kFloat);
  const at::Tensor expected = (-log_probability.diagonal() * weight).sum() / (weight.sum() + 1e-5);

  SmithForwardOptions options;
  options.masked_blocks = &masked;
  const auto output = model.Forward(one.batch, options);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_LT(Difference(output->documents, naive.documents), 1e-5);
  const auto loss = SmithMaskedSentenceLoss(model, *output, masked);
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_NEAR(loss->item<double>(), expected.item<double>(), 1e-5);

  masked.pop_back();
  EXPECT_THAT(std::string(SmithMaskedSentenceLoss(model, *output, masked).status().message()),
              HasSubstr("4 blocks are masked"));
}

TEST(Smith, MaskedWordsCountOnceForEachBlockNumber) {
  const Smith model = TinyModel(SmithCombineMode::kNormal);
  const Case one = RandomCase(model.config(), 9);
  SmithForwardOptions options;
  options.want_states = true;
  const auto output = model.Forward(one.batch, options);
  ASSERT_TRUE(output.ok()) << output.status();
  // Two words in blocks of number 0 and one in a block of number 1.
  const std::vector<SmithMaskedWord> words = {{1, 0, 7}, {2, 0, 8}, {-1, 1, 9}};
  std::vector<SmithMaskedWord> placed = words;
  for (int32_t t = 0; t < static_cast<int32_t>(one.batch.num_tokens()); ++t) {
    if (one.batch.positions[t][1] == 1 && one.batch.positions[t][0] == 1) placed[2].row = t;
  }
  const SmithWeights& w = model.weights();
  const auto loss_of = [&](const SmithMaskedWord& word) {
    const at::Tensor transformed = NaiveNorm(
        w.word_norm, NaiveGelu(at::linear(output->states[word.row], w.word_transform.weight,
                                          w.word_transform.bias)));
    const at::Tensor logits = at::matmul(w.word_embeddings, transformed) + w.word_bias;
    return -at::log_softmax(logits, 0)[word.label].item<double>();
  };
  const double expected =
      (loss_of(placed[0]) + loss_of(placed[1])) / (2 + 1e-5) + loss_of(placed[2]) / (1 + 1e-5);
  const auto loss = SmithMaskedWordLoss(model, output->states, placed);
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_NEAR(loss->item<double>(), expected, 1e-4);
}

TEST(Smith, AllObjectivesReachEveryWeight) {
  Smith model = TinyModel(SmithCombineMode::kAttention);
  const Case one = RandomCase(model.config(), 11);
  std::vector<WeightEntry> table = model.Table();
  for (const WeightEntry& entry : table) entry.tensor->set_requires_grad(true);
  const std::vector<std::vector<int32_t>> masked = {{0, 1}, {0, 4}, {0, 2}};
  SmithForwardOptions options;
  options.want_states = true;
  options.masked_blocks = &masked;
  const auto output = model.Forward(one.batch, options);
  ASSERT_TRUE(output.ok()) << output.status();
  const at::Tensor logits =
      model.MatchLogits(output->documents.narrow(0, 0, 2), output->documents.narrow(0, 1, 2));
  const at::Tensor total = SmithMatchLoss(model.config(), logits, at::tensor({1, 0})) +
                           SmithMaskedWordLoss(model, output->states, {{1, 0, 5}}).value() +
                           SmithMaskedSentenceLoss(model, *output, masked).value();
  total.backward();
  for (const WeightEntry& entry : table) {
    ASSERT_TRUE(entry.tensor->grad().defined()) << entry.key;
    EXPECT_GT(entry.tensor->grad().abs().max().item<double>(), 0) << entry.key;
  }
}

TEST(Smith, WeightsThatDoNotFitAreRefusedByName) {
  Smith model = TinyModel(SmithCombineMode::kSumConcat);
  const TensorMap saved = SaveWeights(model.Table(), TensorType::kFloat32);
  auto loaded = Smith::Load(model.config(), saved, nullptr, "here");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Case one = RandomCase(model.config(), 2);
  EXPECT_LT(Difference(loaded->Forward(one.batch)->documents, model.Forward(one.batch)->documents),
            1e-7);
  EXPECT_EQ(saved.at("bert/encoder/layer_0/intermediate/dense/kernel").shape,
            (std::vector<int64_t>{16, 24}));

  TensorMap weights = saved;
  weights.erase("doc_bert/doc_pooler/dense/bias");
  const auto error = [&](const SmithConfig& config) {
    return std::string(Smith::Load(config, weights, nullptr, "here").status().message());
  };
  EXPECT_THAT(error(model.config()), HasSubstr("'doc_bert/doc_pooler/dense/bias' is missing"));
  weights = saved;
  weights["surplus"] = weights.at("bert/pooler/dense/bias");
  EXPECT_THAT(error(model.config()), HasSubstr("'surplus'"));
  weights = saved;
  SmithConfig other = model.config();
  other.combine_mode = SmithCombineMode::kAttention;
  EXPECT_THAT(error(other), HasSubstr("'combine_reps_attention/dense/kernel' is missing"));
  // Nothing of this size is allocated.
  other = model.config();
  const int32_t layers = other.sentence.num_hidden_layers;
  other.sentence.num_hidden_layers = 1000;
  EXPECT_THAT(error(other), HasSubstr(absl::StrCat("bert/encoder/layer_", layers,
                                                   "/attention/self/query/kernel' is missing")));
  other = model.config();
  other.sentence.intermediate_size = 1 << 24;
  EXPECT_THAT(error(other), HasSubstr("[16, 24], the configuration asks for [16, 16777216]"));
}

TEST(Smith, TokensOutsideTheTablesAreRefused) {
  const Smith model = TinyModel(SmithCombineMode::kNormal);
  const Case one = RandomCase(model.config(), 4);
  const auto error = [&](auto&& change) {
    PackedBatch batch = one.batch;
    change(batch);
    return std::string(model.Forward(batch).status().message());
  };
  EXPECT_THAT(error([](PackedBatch& batch) { batch.token_ids[2] = 40; }), HasSubstr("has id 40"));
  EXPECT_THAT(error([](PackedBatch& batch) { batch.positions[2][0] = 12; }), HasSubstr("place 12"));
  EXPECT_THAT(error([](PackedBatch& batch) { batch.positions[2][1] = 9; }), HasSubstr("block 9"));
  EXPECT_THAT(error([](PackedBatch& batch) { batch.roles[0] = TokenRole::kWord; }),
              HasSubstr("does not begin with a block"));
  SmithForwardOptions options;
  options.cancelled = [] { return true; };
  EXPECT_EQ(model.Forward(one.batch, options).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace strata::models
