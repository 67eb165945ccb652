// Whole fused layers on trees of every kind against plain loops in double, and the promise that a
// document's result does not depend on its batch or on the number of threads.
#include "kernels/encoder/tree_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/attention/block_sparse_attention_reference.h"
#include "kernels/plan/random_tree.h"

namespace strata::kernels {
namespace {

constexpr int kHeads = 3, kHeadSize = 20, kHidden = 52, kFeedForward = 400;

// A layer's weights, owned.
struct Weights {
  std::vector<float> qkv, qkv_bias, out, out_bias, norm1, norm1_bias, in, in_bias, back, back_bias,
      norm2, norm2_bias;
  EncoderLayerWeights view() const {
    const auto data = [](const std::vector<float>& v) { return v.empty() ? nullptr : v.data(); };
    return {data(qkv), data(qkv_bias), data(out),  data(out_bias),  data(norm1), data(norm1_bias),
            data(in),  data(in_bias),  data(back), data(back_bias), data(norm2), data(norm2_bias)};
  }
};

std::vector<float> Scaled(std::vector<float> values, float factor, float shift = 0) {
  for (float& value : values) value = value * factor + shift;
  return values;
}

Weights RandomWeights(const EncoderLayerSpec& spec, bool has_biases, uint64_t seed) {
  RandomTrees random(seed);
  const int c = spec.hidden_size, a = spec.attention_size, f = spec.feed_forward_size;
  const int in = spec.is_gated ? 2 * f : f;
  Weights w;
  w.qkv = Scaled(random.Normal(3 * a * c), 0.15f);
  w.out = Scaled(random.Normal(c * a), 0.15f);
  w.in = Scaled(random.Normal(in * c), 0.15f);
  w.back = Scaled(random.Normal(c * f), 0.05f);
  w.norm1 = Scaled(random.Normal(c), 0.1f, 1);
  w.norm2 = Scaled(random.Normal(c), 0.1f, 1);
  if (has_biases) {
    w.qkv_bias = Scaled(random.Normal(3 * a), 0.2f);
    w.out_bias = Scaled(random.Normal(c), 0.2f);
    w.in_bias = Scaled(random.Normal(in), 0.2f);
    w.back_bias = Scaled(random.Normal(c), 0.2f);
  }
  if (spec.norm == NormKind::kLayerNorm) {
    w.norm1_bias = Scaled(random.Normal(c), 0.2f);
    w.norm2_bias = Scaled(random.Normal(c), 0.2f);
  }
  return w;
}

using Row = std::vector<double>;

Row Linear(const std::vector<float>& weight, const std::vector<float>& bias, const Row& x) {
  Row y(weight.size() / x.size());
  for (size_t n = 0; n < y.size(); ++n) {
    y[n] = bias.empty() ? 0.0 : bias[n];
    for (size_t k = 0; k < x.size(); ++k) y[n] += weight[n * x.size() + k] * x[k];
  }
  return y;
}

Row Norm(const EncoderLayerSpec& spec, const std::vector<float>& weight,
         const std::vector<float>& bias, const Row& x) {
  const double size = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  if (spec.norm == NormKind::kLayerNorm) {
    for (double value : x) mean += value / size;
  }
  for (double value : x) variance += (value - mean) * (value - mean) / size;
  Row y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    y[i] = (x[i] - mean) / std::sqrt(variance + spec.epsilon) * weight[i] +
           (bias.empty() ? 0.0 : bias[i]);
  }
  return y;
}

Row Sum(Row a, const Row& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

double Act(Activation activation, double x) {
  return activation == Activation::kRelu ? std::max(x, 0.0)
                                         : 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}

Row FeedForward(const EncoderLayerSpec& spec, const Weights& w, const Row& u) {
  Row inner = Linear(w.in, w.in_bias, u);
  for (int i = 0; i < spec.feed_forward_size; ++i) {
    inner[i] = Act(spec.activation, inner[i]);
    if (spec.is_gated) inner[i] *= inner[spec.feed_forward_size + i];
  }
  inner.resize(spec.feed_forward_size);
  return Linear(w.back, w.back_bias, inner);
}

// The layer by its definition, with the pairs of ReferenceAttends.
std::vector<Row> ReferenceLayer(const EncoderLayerSpec& spec, const Weights& w, double scale,
                                const TreeBatch& batch, const std::vector<Row>& x) {
  const int tokens = batch.num_tokens(), a = spec.attention_size;
  std::vector<Row> qkv, y;
  for (const Row& row : x) {
    qkv.push_back(
        Linear(w.qkv, w.qkv_bias, spec.is_pre_norm ? Norm(spec, w.norm1, w.norm1_bias, row) : row));
  }
  std::vector<int> document(tokens);
  for (size_t b = 0; b + 1 < batch.cu_seqlens.size(); ++b) {
    for (int t = batch.cu_seqlens[b]; t < batch.cu_seqlens[b + 1]; ++t) document[t] = b;
  }
  for (int t = 0; t < tokens; ++t) {
    Row context(a, 0.0);
    for (int head = 0; head < kHeads; ++head) {
      std::vector<std::pair<int, double>> scores;
      double highest = -INFINITY, total = 0;
      for (int s = 0; s < tokens; ++s) {
        if (document[s] != document[t] || !ReferenceAttends(batch.parents, t, s)) continue;
        double score = 0;
        for (int i = head * kHeadSize; i < (head + 1) * kHeadSize; ++i) {
          score += qkv[t][i] * qkv[s][a + i] * scale;
        }
        scores.emplace_back(s, score);
        highest = std::max(highest, score);
      }
      for (auto& [s, score] : scores) total += score = std::exp(score - highest);
      for (const auto& [s, score] : scores) {
        for (int i = head * kHeadSize; i < (head + 1) * kHeadSize; ++i) {
          context[i] += score / total * qkv[s][2 * a + i];
        }
      }
    }
    const Row attended = Sum(x[t], Linear(w.out, w.out_bias, context));
    if (spec.is_pre_norm) {
      y.push_back(Sum(attended, FeedForward(spec, w, Norm(spec, w.norm2, w.norm2_bias, attended))));
    } else {
      const Row h = Norm(spec, w.norm1, w.norm1_bias, attended);
      y.push_back(Norm(spec, w.norm2, w.norm2_bias, Sum(h, FeedForward(spec, w, h))));
    }
  }
  return y;
}

EncoderLayerSpec SpecOf(bool is_pre_norm, bool is_gated) {
  EncoderLayerSpec spec;
  spec.is_pre_norm = is_pre_norm;
  spec.norm = is_pre_norm ? NormKind::kRmsNorm : NormKind::kLayerNorm;
  spec.epsilon = 1e-5f;
  spec.activation = is_gated ? Activation::kGelu : Activation::kRelu;
  spec.is_gated = is_gated;
  spec.hidden_size = kHidden;
  spec.attention_size = kHeads * kHeadSize;
  spec.feed_forward_size = kFeedForward;
  return spec;
}

constexpr float kScale = 0.2236f;

std::vector<float> RunLayers(const std::vector<const EncoderLayer*>& layers, const TreeBatch& batch,
                             std::vector<float> hidden, int threads) {
  ThreadPool pool(threads);
  const auto plan = *StructurePlan::Build(batch.view());
  auto run = TreeLayers::Create(*plan, {kHeads, kHeadSize, kScale}, pool);
  EXPECT_TRUE(run.ok()) << run.status();
  for (const EncoderLayer* layer : layers) {
    EXPECT_TRUE(run->Apply(*layer, hidden.data(), pool).ok());
  }
  return hidden;
}

TreeBatch Documents(uint64_t seed) {
  RandomTrees random(seed);
  TreeBatch batch;
  batch.Append(random.Hdt(5, 6, 30));
  batch.Append({-1});
  batch.Append(random.Document(150, 12));
  batch.Append(HdtDocument({{3, 0}, {}, {40, 1, 2}}, 3));
  batch.Append(random.Star(90, true));
  batch.Append(random.Star(30, false));
  batch.Append({-1, 0, 1, 2, 3, 4});                // a chain
  batch.Append({-1, 0, 0, 2, 2, 2});                // contiguous families that share a token
  batch.Append({-1, -1, -1});                       // roots alone
  batch.Append(HdtDocument({{700, 5}, {2, 600}}));  // sentences too long to be local
  return batch;
}

void ExpectEqualsReference(const EncoderLayerSpec& spec, bool has_biases, uint64_t seed) {
  const TreeBatch batch = Documents(seed);
  const Weights weights = RandomWeights(spec, has_biases, seed + 1);
  ThreadPool pool(1);
  const auto layer = EncoderLayer::Pack(spec, weights.view(), pool);
  ASSERT_TRUE(layer.ok()) << layer.status();
  const std::vector<float> x =
      RandomTrees(seed + 2).Normal(static_cast<size_t>(batch.num_tokens()) * kHidden);
  const std::vector<float> y = RunLayers({&*layer}, batch, x, 3);
  std::vector<Row> rows;
  for (int t = 0; t < batch.num_tokens(); ++t) {
    rows.emplace_back(x.begin() + t * kHidden, x.begin() + (t + 1) * kHidden);
  }
  const std::vector<Row> expected = ReferenceLayer(spec, weights, kScale, batch, rows);
  for (int t = 0; t < batch.num_tokens(); ++t) {
    for (int i = 0; i < kHidden; ++i) {
      ASSERT_NEAR(y[t * kHidden + i], expected[t][i], 2e-5) << "token " << t;
    }
  }
}

TEST(TreeLayersTest, PreNormEqualsReference) {
  ExpectEqualsReference(SpecOf(/*is_pre_norm=*/true, /*is_gated=*/false), false, 11);
}
TEST(TreeLayersTest, PostNormEqualsReference) {
  ExpectEqualsReference(SpecOf(/*is_pre_norm=*/false, /*is_gated=*/false), true, 12);
}
TEST(TreeLayersTest, GatedEqualsReference) {
  ExpectEqualsReference(SpecOf(/*is_pre_norm=*/true, /*is_gated=*/true), true, 13);
}

// Two layers, so that what one layer leaves in the buffers would show in the next.
TEST(TreeLayersTest, DocumentsAreBitEqualAloneAndForAnyPool) {
  const EncoderLayerSpec spec = SpecOf(true, false);
  ThreadPool pool(1);
  const auto first = EncoderLayer::Pack(spec, RandomWeights(spec, true, 21).view(), pool);
  const auto second = EncoderLayer::Pack(spec, RandomWeights(spec, true, 22).view(), pool);
  const std::vector<const EncoderLayer*> layers = {&*first, &*second};
  const TreeBatch batch = Documents(23);
  const std::vector<float> x =
      RandomTrees(24).Normal(static_cast<size_t>(batch.num_tokens()) * kHidden);
  const std::vector<float> together = RunLayers(layers, batch, x, 1);
  for (int threads : {2, 3, 7}) EXPECT_EQ(RunLayers(layers, batch, x, threads), together);
  for (size_t b = 0; b + 1 < batch.cu_seqlens.size(); ++b) {
    const auto begin = batch.cu_seqlens[b] * kHidden, end = batch.cu_seqlens[b + 1] * kHidden;
    const std::vector<float> alone = RunLayers(
        layers, batch.Document(b), std::vector<float>(x.begin() + begin, x.begin() + end), 2);
    EXPECT_EQ(alone, std::vector<float>(together.begin() + begin, together.begin() + end)) << b;
  }
}

TEST(TreeLayersTest, AnEmptyBatchIsNothing) {
  TreeBatch batch;
  EXPECT_TRUE(RunLayers({}, batch, {}, 2).empty());
}

TEST(TreeTilesTest, WordsAreLocalAndAnchorsKept) {
  TreeBatch batch;
  batch.Append(HdtDocument({{3, 2}, {4}}));  // <doc> <sec> <cls> 3 <cls> 2 <sec> <cls> 4
  const auto plan = *StructurePlan::Build(batch.view());
  const auto tiles = TreeTiles::Build(*plan, 1, 5);
  ASSERT_TRUE(tiles.ok());
  EXPECT_THAT(tiles->kept_tokens(), testing::ElementsAre(0, 1, 2, 6, 9, 10));
  EXPECT_THAT(tiles->local_heads(), testing::ElementsAre(2, 3, 5));
  EXPECT_EQ(tiles->local_families().size(), 3u);
  int32_t next = 0;
  for (const TreeTiles::Tile& tile : tiles->tiles()) {
    EXPECT_EQ(tile.token_begin, next);
    next = tile.token_end;
    for (int32_t f = tile.family_begin; f < tile.family_end; ++f) {
      const Family& family = tiles->local_families()[f];
      EXPECT_GE(family.first, 0);
      EXPECT_LE(family.first + family.size, tile.token_end - tile.token_begin);
    }
  }
  EXPECT_EQ(next, batch.num_tokens());
}

TEST(TreeLayersTest, RefusesSizesThatDoNotFit) {
  ThreadPool pool(1);
  TreeBatch batch;
  batch.Append({-1, 0});
  const auto plan = *StructurePlan::Build(batch.view());
  EXPECT_THAT(std::string(TreeLayers::Create(*plan, {3, 300, 1.0f}, pool).status().message()),
              testing::HasSubstr("3 heads of size 300"));
  const EncoderLayerSpec spec = SpecOf(true, false);
  const auto layer = EncoderLayer::Pack(spec, RandomWeights(spec, true, 1).view(), pool);
  auto run = TreeLayers::Create(*plan, {2, 20, 1.0f}, pool);
  std::vector<float> hidden(2 * kHidden);
  EXPECT_THAT(std::string(run->Apply(*layer, hidden.data(), pool).message()),
              testing::HasSubstr("attention size is 60"));
}

}  // namespace
}  // namespace strata::kernels
