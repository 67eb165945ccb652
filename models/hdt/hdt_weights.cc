#include "models/hdt/hdt_weights.h"

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

at::Tensor InitialMatrix(at::IntArrayRef shape) { return at::normal(0.0, 0.02, shape); }

}  // namespace

TransformerLayerSpec HdtLayerSpec(const HdtConfig& config) {
  TransformerLayerSpec spec;
  spec.norm_place = NormPlace::kBefore;
  spec.norm = NormKind::kRmsNorm;
  spec.epsilon = config.layer_norm_epsilon;
  spec.activation = config.activation;
  spec.is_gated = config.is_gated;
  return spec;
}

HdtWeights InitialHdtWeights(const HdtConfig& config, const HdtHeads& heads) {
  const int64_t d = config.d_model, i = config.inner_size(), f = config.d_ff;
  HdtWeights weights;
  weights.shared = InitialMatrix({config.vocab_size, d});
  weights.scale_factor = at::full({1}, 1.0 / std::sqrt(static_cast<double>(d)));
  weights.emb_norm = at::ones({d});
  for (int32_t n = 0; n < config.num_layers; ++n) {
    weights.layers.push_back(InitialTransformerLayer(
        HdtLayerSpec(config),
        {.hidden = d, .attention = i, .feed_forward = f, .has_biases = false}));
  }
  weights.final_layer_norm = at::ones({d});
  FillAbsentHdtWeights(config, heads, weights);
  if (!heads.masked_lm) return weights;
  weights.mlm_norm_weight = at::ones({d});
  weights.mlm_norm_bias = at::zeros({d});
  weights.transform_weight = InitialMatrix({d, d});
  weights.transform_bias = at::zeros({d});
  weights.transform_norm_weight = at::ones({d});
  weights.transform_norm_bias = at::zeros({d});
  weights.decoder_bias = at::zeros({config.vocab_size});
  if (!config.tie_word_embeddings) weights.decoder_weight = InitialMatrix({config.vocab_size, d});
  return weights;
}

void FillAbsentHdtWeights(const HdtConfig& config, const HdtHeads& heads, HdtWeights& weights) {
  const int64_t d = config.d_model;
  if (!weights.relative_attention_bias.defined()) {
    weights.relative_attention_bias =
        InitialMatrix({config.relative_attention_num_buckets, config.num_heads});
  }
  if (!heads.pooler) return;
  if (!weights.pooler_weight.defined()) weights.pooler_weight = InitialMatrix({d, d});
  if (!weights.pooler_bias.defined()) weights.pooler_bias = at::zeros({d});
}

void AddHdtLayerEntries(const HdtConfig& config, const std::string& attention,
                        const std::string& feed_forward, TransformerLayer& layer,
                        std::vector<WeightEntry>& table) {
  const int64_t d = config.d_model, i = config.inner_size(), f = config.d_ff;
  const auto add = [&](const std::string& key, at::Tensor& tensor, std::vector<int64_t> shape,
                       int64_t row_begin = 0) {
    table.push_back({key, &tensor, row_begin, std::move(shape)});
  };
  add(attention + "SelfAttention.q.weight", layer.qkv.weight, {i, d}, 0);
  add(attention + "SelfAttention.k.weight", layer.qkv.weight, {i, d}, i);
  add(attention + "SelfAttention.v.weight", layer.qkv.weight, {i, d}, 2 * i);
  add(attention + "SelfAttention.o.weight", layer.attention_out.weight, {d, i});
  add(attention + "layer_norm.weight", layer.attention_norm.weight, {d});
  if (config.is_gated) {
    add(feed_forward + "DenseReluDense.wi_0.weight", layer.feed_forward_in.weight, {f, d}, 0);
    add(feed_forward + "DenseReluDense.wi_1.weight", layer.feed_forward_in.weight, {f, d}, f);
  } else {
    add(feed_forward + "DenseReluDense.wi.weight", layer.feed_forward_in.weight, {f, d});
  }
  add(feed_forward + "DenseReluDense.wo.weight", layer.feed_forward_out.weight, {d, f});
  add(feed_forward + "layer_norm.weight", layer.feed_forward_norm.weight, {d});
}

std::vector<WeightEntry> HdtWeightTable(const HdtConfig& config, const HdtHeads& heads,
                                        const std::string& prefix, HdtWeights& weights) {
  const int64_t d = config.d_model, v = config.vocab_size;
  std::vector<WeightEntry> table;
  const auto add = [&](const std::string& key, at::Tensor& tensor, std::vector<int64_t> shape,
                       int64_t row_begin = 0, bool optional = false) {
    table.push_back({prefix + key, &tensor, row_begin, std::move(shape), optional});
  };
  add("shared.weight", weights.shared, {v, d});
  add("encoder.embed_positions.scale_factor", weights.scale_factor, {1});
  add("encoder.emb_norm.weight", weights.emb_norm, {d});
  for (size_t n = 0; n < weights.layers.size(); ++n) {
    const std::string block = absl::StrCat(prefix, "encoder.block.", n);
    AddHdtLayerEntries(config, block + ".layer.0.", block + ".layer.1.", weights.layers[n], table);
  }
  add("encoder.final_layer_norm.weight", weights.final_layer_norm, {d});
  // In every file of the reference; a hierarchical model never reads it.
  add("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
      weights.relative_attention_bias, {config.relative_attention_num_buckets, config.num_heads}, 0,
      config.is_hierarchical);
  if (heads.pooler) {
    // Masked-LM files lack it: the reference then starts it fresh.
    add("pooler.dense.weight", weights.pooler_weight, {d, d}, 0, true);
    add("pooler.dense.bias", weights.pooler_bias, {d}, 0, true);
  }
  if (heads.masked_lm) {
    const auto add_head = [&](const std::string& key, at::Tensor& tensor,
                              std::vector<int64_t> shape) {
      table.push_back({"cls.predictions." + key, &tensor, 0, std::move(shape), false});
    };
    add_head("LayerNorm.weight", weights.mlm_norm_weight, {d});
    add_head("LayerNorm.bias", weights.mlm_norm_bias, {d});
    if (config.prediction_head) {
      add_head("transform.dense.weight", weights.transform_weight, {d, d});
      add_head("transform.dense.bias", weights.transform_bias, {d});
      add_head("transform.LayerNorm.weight", weights.transform_norm_weight, {d});
      add_head("transform.LayerNorm.bias", weights.transform_norm_bias, {d});
    }
    add_head("bias", weights.decoder_bias, {v});
    if (!config.tie_word_embeddings) add_head("decoder.weight", weights.decoder_weight, {v, d});
  }
  return table;
}

bool IsIgnoredHdtKey(const std::string& key, const HdtHeads& heads) {
  return absl::EndsWith(key, "embed_tokens.weight") || absl::StartsWith(key, "decoder.") ||
         key == "lm_head.weight" || absl::StartsWith(key, "cls.predictions.decoder.") ||
         (!heads.masked_lm && absl::StartsWith(key, "cls.")) ||
         (!heads.pooler && absl::StrContains(key, "pooler.dense."));
}

}  // namespace strata::models
