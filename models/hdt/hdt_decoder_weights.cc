#include "models/hdt/hdt_decoder_weights.h"

#include "absl/strings/str_cat.h"
#include "models/hdt/hdt_weights.h"

namespace strata::models {

HdtDecoderWeights InitialHdtDecoderWeights(const HdtConfig& config, const at::Tensor& shared) {
  const int64_t d = config.d_model, i = config.inner_size();
  const auto matrix = [](at::IntArrayRef shape) { return at::normal(0.0, 0.02, shape); };
  HdtDecoderWeights weights;
  weights.shared = shared;
  weights.emb_norm = at::ones({d});
  for (int32_t n = 0; n < config.num_decoder_layers; ++n) {
    HdtDecoderLayer& layer = weights.layers.emplace_back();
    layer.layer = InitialTransformerLayer(
        HdtLayerSpec(config),
        {.hidden = d, .attention = i, .feed_forward = config.d_ff, .has_biases = false});
    layer.cross = {at::ones({d}), matrix({i, d}), matrix({2 * i, d}), matrix({d, i})};
  }
  weights.final_layer_norm = at::ones({d});
  weights.relative_attention_bias =
      matrix({config.relative_attention_num_buckets, config.num_heads});
  if (!config.tie_word_embeddings) weights.lm_head = matrix({config.vocab_size, d});
  return weights;
}

std::vector<WeightEntry> HdtDecoderWeightTable(const HdtConfig& config,
                                               HdtDecoderWeights& weights) {
  const int64_t d = config.d_model, i = config.inner_size();
  std::vector<WeightEntry> table;
  const auto add = [&](const std::string& key, at::Tensor& tensor, std::vector<int64_t> shape,
                       int64_t row_begin = 0) {
    table.push_back({key, &tensor, row_begin, std::move(shape)});
  };
  add("decoder.emb_norm.weight", weights.emb_norm, {d});
  for (size_t n = 0; n < weights.layers.size(); ++n) {
    const std::string block = absl::StrCat("decoder.block.", n);
    AddHdtLayerEntries(config, block + ".layer.0.", block + ".layer.2.", weights.layers[n].layer,
                       table);
    HdtCrossAttention& cross = weights.layers[n].cross;
    const std::string prefix = block + ".layer.1.";
    add(prefix + "EncDecAttention.q.weight", cross.q, {i, d});
    add(prefix + "EncDecAttention.k.weight", cross.kv, {i, d}, 0);
    add(prefix + "EncDecAttention.v.weight", cross.kv, {i, d}, i);
    add(prefix + "EncDecAttention.o.weight", cross.o, {d, i});
    add(prefix + "layer_norm.weight", cross.norm, {d});
  }
  add("decoder.final_layer_norm.weight", weights.final_layer_norm, {d});
  if (!weights.layers.empty()) {
    add("decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        weights.relative_attention_bias, {config.relative_attention_num_buckets, config.num_heads});
  }
  if (!config.tie_word_embeddings) add("lm_head.weight", weights.lm_head, {config.vocab_size, d});
  return table;
}

}  // namespace strata::models
