#include "models/layers/transformer_layer.h"

#include "kernels/launch/thread_pool.h"

namespace strata::models {
namespace {

at::Tensor NormalizeBy(const TransformerLayerSpec& spec, const Norm& norm, const at::Tensor& x) {
  return Normalize(norm, spec.norm, spec.epsilon, x);
}

// Null for a tensor that is not there. Weights are float32 and contiguous.
const float* DataOf(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
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

absl::Status PackForInference(const TransformerLayerSpec& spec, TransformerLayer& layer,
                              kernels::WeightType type) {
  kernels::EncoderLayerSpec packed;
  packed.is_pre_norm = spec.norm_place == NormPlace::kBefore;
  packed.norm = spec.norm;
  packed.epsilon = static_cast<float>(spec.epsilon);
  packed.activation = spec.activation;
  packed.is_gated = spec.is_gated;
  packed.weight_type = type;
  packed.hidden_size = static_cast<int>(layer.qkv.weight.size(1));
  packed.attention_size = static_cast<int>(layer.qkv.weight.size(0) / 3);
  packed.feed_forward_size = static_cast<int>(layer.feed_forward_out.weight.size(1));
  kernels::EncoderLayerWeights weights;
  weights.qkv = DataOf(layer.qkv.weight);
  weights.qkv_bias = DataOf(layer.qkv.bias);
  weights.attention_out = DataOf(layer.attention_out.weight);
  weights.attention_out_bias = DataOf(layer.attention_out.bias);
  weights.attention_norm = DataOf(layer.attention_norm.weight);
  weights.attention_norm_bias = DataOf(layer.attention_norm.bias);
  weights.feed_forward_in = DataOf(layer.feed_forward_in.weight);
  weights.feed_forward_in_bias = DataOf(layer.feed_forward_in.bias);
  weights.feed_forward_out = DataOf(layer.feed_forward_out.weight);
  weights.feed_forward_out_bias = DataOf(layer.feed_forward_out.bias);
  weights.feed_forward_norm = DataOf(layer.feed_forward_norm.weight);
  weights.feed_forward_norm_bias = DataOf(layer.feed_forward_norm.bias);
  auto made = kernels::EncoderLayer::Pack(packed, weights, *kernels::SharedThreadPool());
  if (!made.ok()) return made.status();
  layer = TransformerLayer();
  layer.packed = std::make_shared<const kernels::EncoderLayer>(*std::move(made));
  return absl::OkStatus();
}

int64_t SizeBytes(const TransformerLayer& layer) {
  if (layer.packed != nullptr) return layer.packed->size_bytes();
  int64_t size = 0;
  const auto add = [&size](const auto& map) {  // a linear map or a norm
    for (const at::Tensor* tensor : {&map.weight, &map.bias}) {
      if (tensor->defined()) size += static_cast<int64_t>(tensor->nbytes());
    }
  };
  add(layer.qkv);
  add(layer.attention_out);
  add(layer.attention_norm);
  add(layer.feed_forward_in);
  add(layer.feed_forward_out);
  add(layer.feed_forward_norm);
  return size;
}

at::Tensor ProjectQkv(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                      const at::Tensor& x) {
  if (layer.packed != nullptr) {
    const at::Tensor rows = x.contiguous();
    const int64_t size = 3 * layer.packed->spec().attention_size;
    at::Tensor qkv = at::empty({rows.size(0), size}, rows.options());
    layer.packed->ProjectQkv(rows.const_data_ptr<float>(), rows.size(1), rows.size(0),
                             qkv.mutable_data_ptr<float>(), size, *kernels::SharedThreadPool());
    return qkv;
  }
  return Apply(layer.qkv, spec.norm_place == NormPlace::kBefore
                              ? NormalizeBy(spec, layer.attention_norm, x)
                              : x);
}

at::Tensor AddAttention(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                        const at::Tensor& x, const at::Tensor& context) {
  if (layer.packed != nullptr) {
    at::Tensor h = x.clone(at::MemoryFormat::Contiguous);
    const at::Tensor rows = context.contiguous();
    layer.packed->AddAttention(rows.const_data_ptr<float>(), rows.size(1), rows.size(0),
                               h.mutable_data_ptr<float>(), h.size(1),
                               *kernels::SharedThreadPool());
    return h;
  }
  const at::Tensor attended = x + Dropout(Apply(layer.attention_out, context), spec.dropout);
  return spec.norm_place == NormPlace::kBefore ? attended
                                               : NormalizeBy(spec, layer.attention_norm, attended);
}

at::Tensor AddFeedForward(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                          const at::Tensor& h) {
  if (layer.packed != nullptr) {
    at::Tensor y = h.clone(at::MemoryFormat::Contiguous);
    layer.packed->AddFeedForward(y.size(0), y.mutable_data_ptr<float>(), y.size(1),
                                 *kernels::SharedThreadPool());
    return y;
  }
  if (spec.norm_place == NormPlace::kBefore) {
    return h + FeedForward(spec, layer, NormalizeBy(spec, layer.feed_forward_norm, h));
  }
  return NormalizeBy(spec, layer.feed_forward_norm, h + FeedForward(spec, layer, h));
}

at::Tensor FinishLayer(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                       const at::Tensor& x, const at::Tensor& context) {
  if (layer.packed != nullptr) {
    at::Tensor h = x.clone(at::MemoryFormat::Contiguous);
    const at::Tensor rows = context.contiguous();
    layer.packed->Finish(rows.const_data_ptr<float>(), rows.size(1), rows.size(0),
                         h.mutable_data_ptr<float>(), h.size(1), *kernels::SharedThreadPool());
    return h;
  }
  return AddFeedForward(spec, layer, AddAttention(spec, layer, x, context));
}

}  // namespace strata::models
