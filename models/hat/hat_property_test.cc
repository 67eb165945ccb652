// HAT over packed rows against the reference's padded form, written out densely: random layouts,
// shapes, masks and settings; states, pooled vectors and gradients.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <iostream>
#include <limits>
#include <random>

#include "gtest/gtest.h"
#include "models/hat/hat_heads.h"

namespace strata::models {
namespace {

struct PaddedBatch {
  at::Tensor ids, mask, types;  // [B, N · k] int32
  int64_t segments = 0;         // N
};

// The reference's arithmetic: all B · N · k places, additive masks.
class PaddedHat {
 public:
  PaddedHat(const HatConfig& config, const HatWeights& weights, const PaddedBatch& batch)
      : config_(config), weights_(weights), batch_(batch), documents_(batch.ids.size(0)) {}

  // [B, N · k, d]
  at::Tensor Forward() const {
    const int64_t n = batch_.segments, k = config_.max_sentence_length, d = config_.hidden_size;
    const int64_t pad = config_.pad_token_id;
    const at::Tensor is_word = (batch_.ids != pad).to(at::kInt);
    const at::Tensor positions =
        at::arange(pad + 1, pad + 1 + k, at::kInt).repeat({n}).unsqueeze(0) * is_word;
    at::Tensor hidden = at::embedding(weights_.word_embeddings, batch_.ids, pad) +
                        at::embedding(weights_.token_type_embeddings, batch_.types);
    if (config_.position_embedding_type == HatPositions::kAbsolute) {
      hidden = hidden + at::embedding(weights_.position_embeddings, positions, pad);
    }
    hidden = LayerNorm(weights_.embedding_norm, hidden);
    const at::Tensor mask = batch_.mask.to(at::kFloat);
    const at::Tensor first_mask = mask.reshape({documents_, n, k}).select(2, 0);
    for (size_t i = 0; i < weights_.layers.size(); ++i) {
      if (config_.encoder_layout[i].has_segment_encoder) {
        hidden = Layer(weights_.layers[i].segment, hidden.reshape({documents_ * n, k, d}),
                       mask.reshape({documents_ * n, k}))
                     .reshape({documents_, n * k, d});
      }
      if (!config_.encoder_layout[i].has_cross_encoder) continue;
      const at::Tensor grid = hidden.reshape({documents_, n, k, d});
      at::Tensor firsts = grid.select(2, 0);
      if (config_.adds_cross_positions) {
        const at::Tensor numbers =
            at::arange(1, n + 1, at::kInt).unsqueeze(0) * first_mask.to(at::kInt);
        firsts = firsts + at::embedding(weights_.cross_positions, numbers, pad);
      }
      firsts = Layer(weights_.layers[i].cross, firsts, first_mask);
      hidden = at::cat({firsts.unsqueeze(2), grid.narrow(2, 1, k - 1)}, 2)
                   .reshape({documents_, n * k, d});
    }
    return hidden;
  }

  // [B, d]
  at::Tensor Pool(const at::Tensor& hidden, HatPooling pooling) const {
    const at::Tensor firsts =
        hidden.reshape({documents_, batch_.segments, config_.max_sentence_length, -1}).select(2, 0);
    if (pooling == HatPooling::kFirst) return hidden.select(1, 0);
    if (pooling == HatPooling::kLast) return hidden.select(1, hidden.size(1) - 128);
    if (pooling == HatPooling::kMax) return std::get<0>(firsts.max(1));
    const at::Tensor scores =
        at::tanh(at::linear(at::linear(firsts, weights_.attentive_projection.weight,
                                       weights_.attentive_projection.bias),
                            weights_.attentive_score.weight));
    return (at::softmax(scores, 1) * firsts).sum(1);
  }

 private:
  at::Tensor LayerNorm(const Norm& norm, const at::Tensor& x) const {
    return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, config_.layer_norm_eps);
  }

  // x [blocks, n, d], mask [blocks, n].
  at::Tensor Layer(const HatEncoderWeights& encoder, const at::Tensor& x,
                   const at::Tensor& mask) const {
    const int64_t blocks = x.size(0), n = x.size(1), d = x.size(2);
    const int64_t heads = config_.num_attention_heads, size = d / heads;
    const TransformerLayer& layer = encoder.layer;
    const at::Tensor qkv = at::linear(x, layer.qkv.weight, layer.qkv.bias)
                               .reshape({blocks, n, 3, heads, size})
                               .permute({2, 0, 3, 1, 4});  // [3, blocks, heads, n, size]
    at::Tensor scores = at::matmul(qkv[0], qkv[1].transpose(-1, -2));
    if (encoder.distances.defined()) {
      const at::Tensor distance = at::arange(n).unsqueeze(1) - at::arange(n).unsqueeze(0);
      const at::Tensor table =
          encoder.distances.index({distance + config_.max_position_embeddings - 1});
      scores = scores + at::einsum("bhld,lrd->bhlr", {qkv[0], table});
      if (config_.position_embedding_type == HatPositions::kRelativeKeyQuery) {
        scores = scores + at::einsum("bhrd,lrd->bhlr", {qkv[1], table});
      }
    }
    scores = scores / std::sqrt(static_cast<double>(size));
    scores =
        scores + ((1 - mask) * std::numeric_limits<float>::lowest()).reshape({blocks, 1, 1, n});
    const at::Tensor context =
        at::matmul(at::softmax(scores, -1), qkv[2]).transpose(1, 2).reshape({blocks, n, d});
    const at::Tensor h =
        LayerNorm(layer.attention_norm,
                  x + at::linear(context, layer.attention_out.weight, layer.attention_out.bias));
    const at::Tensor inner =
        at::gelu(at::linear(h, layer.feed_forward_in.weight, layer.feed_forward_in.bias));
    return LayerNorm(layer.feed_forward_norm, h + at::linear(inner, layer.feed_forward_out.weight,
                                                             layer.feed_forward_out.bias));
  }

  const HatConfig& config_;
  const HatWeights& weights_;
  const PaddedBatch& batch_;
  const int64_t documents_;
};

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int32_t Int(int32_t low, int32_t high) {
    return low + static_cast<int32_t>(engine_() % static_cast<uint64_t>(high - low + 1));
  }
  bool Chance(double p) { return static_cast<double>(engine_() >> 11) * 0x1p-53 < p; }

 private:
  std::mt19937_64 engine_;
};

HatConfig RandomConfig(Random& random) {
  HatConfig config;
  config.vocab_size = 30;
  config.num_attention_heads = random.Int(1, 3);
  config.hidden_size = config.num_attention_heads * random.Int(6, 11);
  config.intermediate_size = random.Int(3, 20);
  config.max_sentences = random.Int(1, 6);
  const bool is_relative = random.Chance(0.25);
  config.max_sentence_length = !is_relative && random.Chance(0.2) ? 128 : random.Int(2, 12);
  config.max_position_embeddings = 14;
  config.pad_token_id = random.Int(0, 1);
  config.adds_cross_positions = random.Chance(0.8);
  if (is_relative) {
    config.position_embedding_type =
        random.Chance(0.5) ? HatPositions::kRelativeKey : HatPositions::kRelativeKeyQuery;
  }
  config.num_hidden_layers = random.Int(1, 4);
  for (int32_t i = 0; i < config.num_hidden_layers; ++i) {
    config.encoder_layout.push_back({random.Chance(0.8), random.Chance(0.6)});
  }
  return config;
}

Hat RandomModel(const HatConfig& config) {
  HatHeads heads;
  heads.pooler = heads.attentive = true;
  Hat model(config, heads, AllocateHatWeights(config, heads));
  for (const WeightEntry& entry : model.Table()) RowsOf(entry).normal_(0, 0.3);
  for (const WeightEntry& entry : model.Table()) entry.tensor->set_requires_grad(true);
  return model;
}

// Segments that are full, end in padding, have holes, begin masked, or are empty with one of three
// contents; sometimes a document of empty ones.
PaddedBatch RandomBatch(const HatConfig& config, Random& random) {
  const int64_t k = config.max_sentence_length;
  PaddedBatch batch;
  batch.segments = random.Int(1, config.max_sentences);
  const int64_t documents = random.Int(1, 4);
  const std::vector<int64_t> shape{documents, batch.segments * k};
  batch.ids = at::full(shape, config.pad_token_id, at::kInt);
  batch.mask = at::zeros(shape, at::kInt);
  batch.types = at::zeros(shape, at::kInt);
  const bool has_masks = random.Chance(0.8);
  const bool has_types = random.Chance(0.5);
  for (int64_t b = 0; b < documents; ++b) {
    const bool all_empty = random.Chance(0.1);
    for (int64_t j = 0; j < batch.segments; ++j) {
      const int32_t kind =
          has_masks ? (all_empty ? random.Int(4, 6) : random.Int(0, 6)) : random.Int(0, 1);
      const int64_t words = kind == 0 ? k : random.Int(1, static_cast<int32_t>(k));
      for (int64_t t = 0; t < k; ++t) {
        const int64_t at = j * k + t;
        const auto set = [&](at::Tensor& row, int32_t value) { row[b][at].fill_(value); };
        if (has_types) set(batch.types, random.Int(0, 1));
        if (kind < 4) {
          if (t < words) set(batch.ids, random.Int(0, config.vocab_size - 1));
          const bool hole = (kind == 2 && random.Chance(0.3)) || (kind == 3 && t == 0);
          set(batch.mask, t < words && !hole ? 1 : 0);
        } else if (kind == 5 && t == 0) {
          set(batch.ids, 2);  // <s> and padding, masked
        } else if (kind == 6) {
          set(batch.ids, random.Int(0, 3));
        }
      }
    }
  }
  return batch;
}

absl::StatusOr<HatBatch> Pack(const HatConfig& config, const PaddedBatch& batch, bool reads_last,
                              int64_t begin, int64_t count) {
  std::vector<HatDocument> documents;
  const auto length = static_cast<size_t>(batch.ids.size(1));
  const auto row = [&](const at::Tensor& rows, int64_t b) {
    return absl::MakeConstSpan(rows.const_data_ptr<int32_t>() + static_cast<size_t>(b) * length,
                               length);
  };
  for (int64_t b = begin; b < begin + count; ++b) {
    auto document = DocumentOfPaddedRow(
        config, {row(batch.ids, b), row(batch.mask, b), row(batch.types, b), {}}, reads_last);
    if (!document.ok()) return document.status();
    documents.push_back(*std::move(document));
  }
  return BatchHatDocuments(documents);
}

double Largest(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == 0 ? 0 : (a - b).abs().max().item<double>();
}

std::vector<at::Tensor> TakeGradients(Hat& model) {
  std::vector<at::Tensor> gradients;
  for (const WeightEntry& entry : model.Table()) {
    at::Tensor& gradient = entry.tensor->mutable_grad();
    gradients.push_back(gradient.defined() ? gradient.clone() : at::Tensor());
  }
  for (const WeightEntry& entry : model.Table()) entry.tensor->mutable_grad() = at::Tensor();
  return gradients;
}

constexpr HatPooling kPoolings[] = {HatPooling::kMax, HatPooling::kAttentive, HatPooling::kFirst,
                                    HatPooling::kLast};

TEST(HatProperty, PackedIsThePaddedForm) {
  at::set_num_threads(1);  // tiny tensors
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    at::manual_seed(seed);
    Random random(seed);
    const HatConfig config = RandomConfig(random);
    Hat model = RandomModel(config);
    const PaddedBatch padded = RandomBatch(config, random);
    const PaddedHat reference(config, model.weights(), padded);
    const at::Tensor expected = reference.Forward();
    const at::Tensor real = padded.mask == 1;
    for (const HatPooling pooling : kPoolings) {
      const bool reads_last = pooling == HatPooling::kLast;
      if (reads_last && padded.ids.size(1) < 128) continue;
      auto batch = Pack(config, padded, reads_last, 0, padded.ids.size(0));
      ASSERT_TRUE(batch.ok()) << batch.status();
      auto states = model.Forward(*batch);
      ASSERT_TRUE(states.ok()) << states.status();
      EXPECT_LT(Largest(states->narrow(0, 0, batch->num_attended), expected.index({real})), 2e-4);
      const at::Tensor pooled = HatPool(model, *states, *batch, pooling);
      const at::Tensor expected_pooled = reference.Pool(expected, pooling);
      EXPECT_LT(Largest(pooled, expected_pooled), 2e-4);

      // Gradients of a random projection of the vectors and of what counts of the states.
      const at::Tensor direction = at::randn(pooled.sizes()), other = at::randn_like(expected);
      ((pooled * direction).sum() +
       (states->narrow(0, 0, batch->num_attended) * other.index({real})).sum())
          .backward();
      const std::vector<at::Tensor> ours = TakeGradients(model);
      ((expected_pooled * direction).sum() + (expected.index({real}) * other.index({real})).sum())
          .backward({}, /*retain_graph=*/true);
      const std::vector<at::Tensor> theirs = TakeGradients(model);
      const std::vector<WeightEntry> table = model.Table();
      for (size_t i = 0; i < table.size(); ++i) {
        if (!theirs[i].defined()) continue;
        const double size = std::max(1.0, theirs[i].abs().max().item<double>());
        const double off = ours[i].defined() ? Largest(ours[i], theirs[i]) : size;
        EXPECT_LT(off / size, 2e-3) << table[i].key;
      }
    }
  }
}

TEST(HatProperty, ADocumentAloneIsAsInABatch) {
  at::set_num_threads(1);
  int64_t exact = 0;
  for (uint64_t seed = 100; seed < 140; ++seed) {
    SCOPED_TRACE(seed);
    at::manual_seed(seed);
    Random random(seed);
    const HatConfig config = RandomConfig(random);
    const Hat model = RandomModel(config);
    Hat served = model;
    ASSERT_TRUE(served.PackForInference().ok());
    const at::NoGradGuard no_grad;
    const PaddedBatch padded = RandomBatch(config, random);
    auto batch = Pack(config, padded, false, 0, padded.ids.size(0));
    ASSERT_TRUE(batch.ok()) << batch.status();
    auto expected = model.Forward(*batch), states = served.Forward(*batch);
    ASSERT_TRUE(expected.ok()) << expected.status();
    ASSERT_TRUE(states.ok()) << states.status();
    EXPECT_LT(Largest(*states, *expected), 2e-4);
    const at::Tensor pooled = HatPool(served, *states, *batch, HatPooling::kMax);
    // The kernels promise equal bits; what padding asks for runs beside them.
    const bool is_exact = config.position_embedding_type == HatPositions::kAbsolute &&
                          batch->within.guests.empty() && batch->across.guests.empty();
    const double allowed = is_exact ? 0 : 2e-5;
    int64_t row = 0;
    for (int64_t b = 0; b < padded.ids.size(0); ++b) {
      auto alone = Pack(config, padded, false, b, 1);
      ASSERT_TRUE(alone.ok()) << alone.status();
      auto own = served.Forward(*alone);
      ASSERT_TRUE(own.ok()) << own.status();
      EXPECT_LE(Largest(own->narrow(0, 0, alone->num_attended),
                        states->narrow(0, row, alone->num_attended)),
                allowed);
      EXPECT_LE(Largest(HatPool(served, *own, *alone, HatPooling::kMax)[0], pooled[b]), allowed);
      row += alone->num_attended;
    }
    exact += is_exact && padded.ids.size(0) > 1;
  }
  EXPECT_GT(exact, 0);
}

}  // namespace
}  // namespace strata::models
