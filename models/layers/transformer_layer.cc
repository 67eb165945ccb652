#include "models/layers/transformer_layer.h"

namespace strata::models {
namespace {

at::Tensor NormalizeBy(const TransformerLayerSpec& spec, const Norm& norm, const at::Tensor& x) {
  return Normalize(norm, spec.norm, spec.epsilon, x);
}

at::Tensor FeedForward(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                       const at::Tensor& x) {
  at::Tensor inner = Apply(layer.feed_forward_in, x);
  if (spec.is_gated) {
    const std::vector<at::Tensor> halves = inner.chunk(2, -1);
    inner = Activate(halves[0], spec.activation) * halves[1];
  } else {
    inner = Activate(inner, spec.activation);
  }
  return Dropout(Apply(layer.feed_forward_out, Dropout(inner, spec.inner_dropout)), spec.dropout);
}

}  // namespace

TransformerLayer InitialTransformerLayer(const TransformerLayerSpec& spec,
                                         const TransformerLayerSize& size, double std) {
  const auto linear = [&](int64_t out, int64_t in) {
    return Linear{at::normal(0.0, std, {out, in}),
                  size.has_biases ? at::zeros({out}) : at::Tensor()};
  };
  const auto norm = [&] {
    return Norm{at::ones({size.hidden}),
                spec.norm == NormKind::kLayerNorm ? at::zeros({size.hidden}) : at::Tensor()};
  };
  TransformerLayer layer;
  layer.qkv = linear(3 * size.attention, size.hidden);
  layer.attention_out = linear(size.hidden, size.attention);
  layer.attention_norm = norm();
  layer.feed_forward_in =
      linear(spec.is_gated ? 2 * size.feed_forward : size.feed_forward, size.hidden);
  layer.feed_forward_out = linear(size.hidden, size.feed_forward);
  layer.feed_forward_norm = norm();
  return layer;
}

at::Tensor ProjectQkv(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                      const at::Tensor& x) {
  return Apply(layer.qkv, spec.norm_place == NormPlace::kBefore
                              ? NormalizeBy(spec, layer.attention_norm, x)
                              : x);
}

at::Tensor AddAttention(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                        const at::Tensor& x, const at::Tensor& context) {
  const at::Tensor attended = x + Dropout(Apply(layer.attention_out, context), spec.dropout);
  return spec.norm_place == NormPlace::kBefore ? attended
                                               : NormalizeBy(spec, layer.attention_norm, attended);
}

at::Tensor AddFeedForward(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                          const at::Tensor& h) {
  if (spec.norm_place == NormPlace::kBefore) {
    return h + FeedForward(spec, layer, NormalizeBy(spec, layer.feed_forward_norm, h));
  }
  return NormalizeBy(spec, layer.feed_forward_norm, h + FeedForward(spec, layer, h));
}

at::Tensor FinishLayer(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                       const at::Tensor& x, const at::Tensor& context) {
  return AddFeedForward(spec, layer, AddAttention(spec, layer, x, context));
}

}  // namespace strata::models
