#include "models/hat/hat_weights.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// Adds a model's entries one after the other.
class TableWriter {
 public:
  explicit TableWriter(std::vector<WeightEntry>& table) : table_(table) {}

  void Add(const std::string& key, at::Tensor& tensor, std::vector<int64_t> shape,
           int64_t row_begin = 0) {
    table_.push_back({key, &tensor, row_begin, std::move(shape), optional});
  }
  void AddLinear(const std::string& key, Linear& linear, int64_t out, int64_t in,
                 int64_t row_begin = 0) {
    Add(key + ".weight", linear.weight, {out, in}, row_begin);
    Add(key + ".bias", linear.bias, {out}, row_begin);
  }
  void AddNorm(const std::string& key, Norm& norm, int64_t size) {
    Add(key + ".weight", norm.weight, {size});
    Add(key + ".bias", norm.bias, {size});
  }

  bool optional = false;  // of what is added from here on

 private:
  std::vector<WeightEntry>& table_;
};

void AddEncoder(const HatConfig& config, const std::string& key, HatEncoderWeights& encoder,
                TableWriter& table) {
  const int64_t d = config.hidden_size, f = config.intermediate_size;
  TransformerLayer& layer = encoder.layer;
  table.AddLinear(key + ".attention.self.query", layer.qkv, d, d, 0);
  table.AddLinear(key + ".attention.self.key", layer.qkv, d, d, d);
  table.AddLinear(key + ".attention.self.value", layer.qkv, d, d, 2 * d);
  if (config.position_embedding_type != HatPositions::kAbsolute) {
    table.Add(key + ".attention.self.distance_embedding.weight", encoder.distances,
              {2 * int64_t{config.max_position_embeddings} - 1, config.head_size()});
  }
  table.AddLinear(key + ".attention.output.dense", layer.attention_out, d, d);
  table.AddNorm(key + ".attention.output.LayerNorm", layer.attention_norm, d);
  table.AddLinear(key + ".intermediate.dense", layer.feed_forward_in, f, d);
  table.AddLinear(key + ".output.dense", layer.feed_forward_out, d, f);
  table.AddNorm(key + ".output.LayerNorm", layer.feed_forward_norm, d);
}

std::string CrossPositionsKey(const std::string& prefix, size_t layer) {
  return absl::StrCat(prefix, "encoder.layer.", layer, ".position_embeddings.weight");
}

void AddHeads(const HatConfig& config, const HatHeads& heads, HatWeights& weights,
              TableWriter& table) {
  const int64_t d = config.hidden_size, v = config.vocab_size;
  if (heads.pooler) table.AddLinear("pooler.dense", weights.pooler, d, d);
  if (heads.attentive) {
    table.AddLinear("pooler.attentive_pooling.lin_proj", weights.attentive_projection, d, d);
    table.Add("pooler.attentive_pooling.v.weight", weights.attentive_score.weight, {1, d});
  }
  if (heads.sentencizer) table.AddLinear("sentencizer.dense", weights.sentencizer, d, d);
  if (heads.label_attention) {
    table.Add("lwan.U.weight", weights.label_attention.weight, {heads.num_classes, d});
    table.AddLinear("lwan.final", weights.label_scores, heads.num_classes, d);
  } else if (heads.num_classes > 0) {
    table.AddLinear("classifier", weights.classifier, heads.num_classes, d);
  }
  if (heads.document_words) table.AddLinear("document_cls", weights.document_words, v, d);
  if (heads.segment_words) table.AddLinear("sentence_cls", weights.segment_words, v, d);
  if (heads.spans) table.AddLinear("qa_outputs", weights.spans, 2, d);
  if (heads.masked_lm) {
    table.AddLinear("lm_head.dense", weights.lm_dense, d, d);
    table.AddNorm("lm_head.layer_norm", weights.lm_norm, d);
    if (!config.tie_word_embeddings) {
      table.Add("lm_head.decoder.weight", weights.lm_decoder, {v, d});
    }
    table.Add("lm_head.bias", weights.lm_bias, {v});
  }
}

}  // namespace

TransformerLayerSpec HatLayerSpec(const HatConfig& config) {
  TransformerLayerSpec spec;
  spec.norm_place = NormPlace::kAfter;
  spec.norm = NormKind::kLayerNorm;
  spec.epsilon = config.layer_norm_eps;
  spec.activation = config.activation;
  return spec;
}

HatWeights AllocateHatWeights(const HatConfig& config, const HatHeads& heads) {
  HatWeights weights;
  weights.layers.resize(config.encoder_layout.size());
  std::map<at::Tensor*, std::vector<int64_t>> shapes;  // q, k and v are rows of one tensor
  for (const WeightEntry& entry : HatWeightTable(config, heads, "", false, weights)) {
    std::vector<int64_t>& shape = shapes[entry.tensor];
    const int64_t rows = entry.row_begin + entry.shape[0];
    if (shape.empty()) shape = entry.shape;
    shape[0] = std::max(shape[0], rows);
  }
  for (const auto& [tensor, shape] : shapes) *tensor = at::empty(shape);
  return weights;
}

void InitializeHatWeights(const HatConfig& config, const std::vector<WeightEntry>& table) {
  for (const WeightEntry& entry : table) {
    at::Tensor rows = RowsOf(entry);
    if (absl::StrContains(absl::AsciiStrToLower(entry.key), "norm.weight")) {
      rows.fill_(1);
    } else if (rows.dim() == 1) {
      rows.zero_();
    } else {
      rows.normal_(0, 0.02);
    }
    if (absl::EndsWith(entry.key, "word_embeddings.weight") ||
        absl::EndsWith(entry.key, "position_embeddings.weight")) {
      rows.select(0, config.pad_token_id).zero_();
    }
  }
}

std::vector<WeightEntry> HatWeightTable(const HatConfig& config, const HatHeads& heads,
                                        const std::string& prefix, bool heads_optional,
                                        HatWeights& weights) {
  const int64_t d = config.hidden_size;
  std::vector<WeightEntry> entries;
  TableWriter table(entries);
  table.Add(prefix + "embeddings.word_embeddings.weight", weights.word_embeddings,
            {config.vocab_size, d});
  table.Add(prefix + "embeddings.position_embeddings.weight", weights.position_embeddings,
            {int64_t{config.max_sentence_length} + config.pad_token_id + 1, d});
  table.Add(prefix + "embeddings.token_type_embeddings.weight", weights.token_type_embeddings,
            {config.type_vocab_size, d});
  table.AddNorm(prefix + "embeddings.LayerNorm", weights.embedding_norm, d);
  bool has_positions = false;
  for (size_t n = 0; n < config.encoder_layout.size(); ++n) {
    const std::string key = absl::StrCat(prefix, "encoder.layer.", n);
    HatLayerWeights& layer = weights.layers[n];
    if (config.encoder_layout[n].has_segment_encoder) {
      AddEncoder(config, key + ".sentence_encoder", layer.segment, table);
    }
    if (!config.encoder_layout[n].has_cross_encoder) continue;
    AddEncoder(config, key + ".document_encoder", layer.cross, table);
    if (has_positions) continue;
    has_positions = true;
    table.Add(CrossPositionsKey(prefix, n), weights.cross_positions,
              {int64_t{config.max_sentences} + 1, d});
  }
  table.optional = heads_optional;
  AddHeads(config, heads, weights, table);
  return entries;
}

std::vector<std::pair<std::string, std::string>> HatAliases(const HatConfig& config,
                                                            const HatHeads& heads,
                                                            const std::string& prefix) {
  std::vector<std::pair<std::string, std::string>> aliases;
  if (heads.masked_lm) {
    if (config.tie_word_embeddings) {
      aliases.emplace_back(prefix + "embeddings.word_embeddings.weight", "lm_head.decoder.weight");
    }
    aliases.emplace_back("lm_head.bias", "lm_head.decoder.bias");
  }
  std::string first;
  for (size_t n = 0; n < config.encoder_layout.size(); ++n) {
    if (!config.encoder_layout[n].has_cross_encoder) continue;
    const std::string key = CrossPositionsKey(prefix, n);
    if (first.empty()) {
      first = key;
    } else {
      aliases.emplace_back(first, key);
    }
  }
  return aliases;
}

}  // namespace strata::models
