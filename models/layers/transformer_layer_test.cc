// The two halves against the formulas of the header, in plain loops over doubles.
#include "models/layers/transformer_layer.h"

#include <cmath>
#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace strata::models {
namespace {

using Row = std::vector<double>;

Row ToRow(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kDouble).contiguous();
  const double* first = values.const_data_ptr<double>();
  return Row(first, first + values.numel());
}

Row Map(const Linear& linear, const Row& x) {
  const int64_t out = linear.weight.size(0);
  Row y(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const Row weights = ToRow(linear.weight[i]);
    double sum = linear.bias.defined() ? linear.bias[i].item<double>() : 0;
    for (size_t j = 0; j < x.size(); ++j) sum += weights[j] * x[j];
    y[static_cast<size_t>(i)] = sum;
  }
  return y;
}

Row Norm1(const Norm& norm, NormKind kind, double epsilon, const Row& x) {
  double mean = 0, square = 0;
  if (kind == NormKind::kLayerNorm) {
    for (double value : x) mean += value / static_cast<double>(x.size());
  }
  for (double value : x) square += (value - mean) * (value - mean) / static_cast<double>(x.size());
  const Row weight = ToRow(norm.weight);
  Row y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    y[i] = weight[i] * (x[i] - mean) / std::sqrt(square + epsilon);
    if (norm.bias.defined()) y[i] += ToRow(norm.bias)[i];
  }
  return y;
}

Row Add(Row x, const Row& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  return x;
}

Row FeedForward(const TransformerLayerSpec& spec, const TransformerLayer& layer, const Row& x) {
  const Row inner = Map(layer.feed_forward_in, x);
  const size_t size = spec.is_gated ? inner.size() / 2 : inner.size();
  Row active(size);
  for (size_t i = 0; i < size; ++i) {
    active[i] = std::max(inner[i], 0.0);  // the test's specs say relu
    if (spec.is_gated) active[i] *= inner[size + i];
  }
  return Map(layer.feed_forward_out, active);
}

TransformerLayer RandomLayer(const TransformerLayerSpec& spec, const TransformerLayerSize& size) {
  TransformerLayer layer = InitialTransformerLayer(spec, size, 0.5);
  for (at::Tensor* vector :
       {&layer.qkv.bias, &layer.attention_out.bias, &layer.feed_forward_in.bias,
        &layer.feed_forward_out.bias, &layer.attention_norm.weight, &layer.attention_norm.bias,
        &layer.feed_forward_norm.weight, &layer.feed_forward_norm.bias}) {
    if (vector->defined()) vector->normal_(0.3, 0.7);
  }
  return layer;
}

// All specs, each with the layer as it is trained.
void ForEachSpec(
    const std::function<void(const TransformerLayerSpec&, const TransformerLayer&)>& fn) {
  at::manual_seed(5);
  for (const NormPlace place : {NormPlace::kBefore, NormPlace::kAfter}) {
    for (const NormKind norm : {NormKind::kLayerNorm, NormKind::kRmsNorm}) {
      for (const bool gated : {false, true}) {
        TransformerLayerSpec spec;
        spec.norm_place = place;
        spec.norm = norm;
        spec.epsilon = 1e-3;
        spec.activation = Activation::kRelu;
        spec.is_gated = gated;
        const TransformerLayerSize size{
            .hidden = 6, .attention = 4, .feed_forward = 5, .has_biases = !gated};
        fn(spec, RandomLayer(spec, size));
      }
    }
  }
}

void ExpectNear(const Row& actual, const Row& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-4);
}

// `run` is the layer whose results are checked, `layer` the one whose weights define them.
void ExpectFormulas(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                    const TransformerLayer& run) {
  const at::Tensor x = at::randn({3, 6}), context = at::randn({3, 4});
  const at::Tensor qkv = ProjectQkv(spec, run, x);
  const at::Tensor h = AddAttention(spec, run, x, context);
  const at::Tensor y = AddFeedForward(spec, run, h);
  ASSERT_EQ(qkv.sizes(), at::IntArrayRef({3, 12}));
  EXPECT_TRUE(at::equal(FinishLayer(spec, run, x, context), y));
  for (int64_t t = 0; t < 3; ++t) {
    const auto normalize = [&](const Norm& by, const Row& row) {
      return Norm1(by, spec.norm, spec.epsilon, row);
    };
    const Row row = ToRow(x[t]);
    const Row attended = Add(row, Map(layer.attention_out, ToRow(context[t])));
    if (spec.norm_place == NormPlace::kBefore) {
      ExpectNear(ToRow(qkv[t]), Map(layer.qkv, normalize(layer.attention_norm, row)));
      ExpectNear(ToRow(h[t]), attended);
      ExpectNear(
          ToRow(y[t]),
          Add(attended, FeedForward(spec, layer, normalize(layer.feed_forward_norm, attended))));
    } else {
      const Row hidden = normalize(layer.attention_norm, attended);
      ExpectNear(ToRow(qkv[t]), Map(layer.qkv, row));
      ExpectNear(ToRow(h[t]), hidden);
      ExpectNear(ToRow(y[t]),
                 normalize(layer.feed_forward_norm, Add(hidden, FeedForward(spec, layer, hidden))));
    }
  }
}

TEST(TransformerLayer, BothHalvesAreTheirFormulas) {
  ForEachSpec([](const TransformerLayerSpec& spec, const TransformerLayer& layer) {
    ExpectFormulas(spec, layer, layer);
  });
}

TEST(TransformerLayer, PackedLayersAreTheSame) {
  ForEachSpec([](const TransformerLayerSpec& spec, const TransformerLayer& layer) {
    TransformerLayer packed = layer;
    const absl::Status status = PackForInference(spec, packed);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_FALSE(packed.qkv.weight.defined());
    ExpectFormulas(spec, layer, packed);
  });
}

TEST(Linear, PackedMapsAreTheSame) {
  at::manual_seed(6);
  for (const bool has_bias : {false, true}) {
    const Linear plain{at::randn({900, 40}), has_bias ? at::randn({900}) : at::Tensor()};
    Linear packed = plain;
    ASSERT_TRUE(PackForInference(packed).ok());
    for (const at::Tensor& x : {at::randn({2, 3, 40}), at::randn({40, 500}).t(), at::randn({40})}) {
      const at::Tensor expected = Apply(plain, x), y = Apply(packed, x);
      ASSERT_EQ(y.sizes(), expected.sizes());
      EXPECT_TRUE(at::allclose(y, expected, 1e-4, 1e-4));
    }
  }
}

}  // namespace
}  // namespace strata::models
