#include "models/smith/smith_weights.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

constexpr double kNormEpsilon = 1e-12;

std::vector<TransformerLayer> InitialLayers(const SmithBertConfig& config) {
  std::vector<TransformerLayer> layers;
  for (int32_t n = 0; n < config.num_hidden_layers; ++n) {
    layers.push_back(InitialTransformerLayer(SmithLayerSpec(config),
                                             {.hidden = config.hidden_size,
                                              .attention = config.hidden_size,
                                              .feed_forward = config.intermediate_size,
                                              .has_biases = true},
                                             config.initializer_range));
  }
  return layers;
}

// Fills a table; each call adds the entries of one variable scope. Kernels are [in, out] in the
// file.
class TableWriter {
 public:
  explicit TableWriter(std::vector<WeightEntry>& table) : table_(table) {}

  void Plain(const std::string& key, at::Tensor& tensor, std::vector<int64_t> shape) {
    table_.push_back({key, &tensor, 0, std::move(shape)});
  }
  // The map's rows from `begin` on, [out, in].
  void Dense(const std::string& scope, Linear& linear, int64_t out, int64_t in, int64_t begin = 0) {
    table_.push_back(
        {absl::StrCat(scope, "/kernel"), &linear.weight, begin, {out, in}, false, true});
    table_.push_back({absl::StrCat(scope, "/bias"), &linear.bias, begin, {out}});
  }
  void LayerNorm(const std::string& scope, Norm& norm, int64_t size) {
    Plain(absl::StrCat(scope, "/LayerNorm/gamma"), norm.weight, {size});
    Plain(absl::StrCat(scope, "/LayerNorm/beta"), norm.bias, {size});
  }
  void Layers(const std::string& scope, const SmithBertConfig& config,
              std::vector<TransformerLayer>& layers) {
    const int64_t hidden = config.hidden_size, inner = config.intermediate_size;
    for (size_t n = 0; n < layers.size(); ++n) {
      TransformerLayer& layer = layers[n];
      const std::string name = absl::StrCat(scope, "/layer_", n);
      Dense(name + "/attention/self/query", layer.qkv, hidden, hidden, 0);
      Dense(name + "/attention/self/key", layer.qkv, hidden, hidden, hidden);
      Dense(name + "/attention/self/value", layer.qkv, hidden, hidden, 2 * hidden);
      Dense(name + "/attention/output/dense", layer.attention_out, hidden, hidden);
      LayerNorm(name + "/attention/output", layer.attention_norm, hidden);
      Dense(name + "/intermediate/dense", layer.feed_forward_in, inner, hidden);
      Dense(name + "/output/dense", layer.feed_forward_out, hidden, inner);
      LayerNorm(name + "/output", layer.feed_forward_norm, hidden);
    }
  }

 private:
  std::vector<WeightEntry>& table_;
};

}  // namespace

TransformerLayerSpec SmithLayerSpec(const SmithBertConfig& config) {
  TransformerLayerSpec spec;
  spec.norm_place = NormPlace::kAfter;
  spec.norm = NormKind::kLayerNorm;
  spec.epsilon = kNormEpsilon;
  spec.activation = config.activation;
  return spec;
}

SmithWeights InitialSmithWeights(const SmithConfig& config, const SmithHeads& heads) {
  const int64_t hidden = config.hidden_size();
  const double std = config.sentence.initializer_range;
  const auto matrix = [&](int64_t rows) { return at::normal(0.0, std, {rows, hidden}); };
  const auto linear = [&](int64_t rows) { return Linear{matrix(rows), at::zeros({rows})}; };
  const auto norm = [&] { return Norm{at::ones({hidden}), at::zeros({hidden})}; };
  SmithWeights weights;
  weights.word_embeddings = matrix(config.sentence.vocab_size);
  weights.token_type_embeddings = matrix(config.sentence.type_vocab_size);
  weights.position_embeddings = matrix(config.sentence.max_position_embeddings);
  weights.embedding_norm = norm();
  weights.sentence_layers = InitialLayers(config.sentence);
  weights.pooler = linear(hidden);
  weights.block_dense = linear(hidden);
  weights.block_positions = matrix(config.document.max_position_embeddings);
  weights.block_norm = norm();
  weights.document_layers = InitialLayers(config.document);
  weights.document_pooler = linear(hidden);
  weights.document_dense = linear(hidden);
  if (config.combine_mode == SmithCombineMode::kAttention) {
    weights.combine_dense = linear(config.doc_rep_combine_attention_size);
    weights.combine_context = at::normal(0.0, std, {config.doc_rep_combine_attention_size});
  }
  if (heads.words) {
    weights.word_transform = linear(hidden);
    weights.word_norm = norm();
    weights.word_bias = at::zeros({config.sentence.vocab_size});
  }
  if (heads.sentences) {
    weights.sentence_mask = at::normal(0.0, std, {hidden});
    weights.sentence_transform = linear(hidden);
    weights.sentence_norm = norm();
    weights.sentence_bias = at::zeros({heads.num_masked_sentences});
  }
  return weights;
}

std::vector<WeightEntry> SmithWeightTable(const SmithConfig& config, const SmithHeads& heads,
                                          SmithWeights& weights) {
  const int64_t hidden = config.hidden_size(), vocabulary = config.sentence.vocab_size;
  std::vector<WeightEntry> table;
  TableWriter writer(table);
  writer.Plain("bert/embeddings/word_embeddings", weights.word_embeddings, {vocabulary, hidden});
  writer.Plain("bert/embeddings/token_type_embeddings", weights.token_type_embeddings,
               {config.sentence.type_vocab_size, hidden});
  writer.Plain("bert/embeddings/position_embeddings", weights.position_embeddings,
               {config.sentence.max_position_embeddings, hidden});
  writer.LayerNorm("bert/embeddings", weights.embedding_norm, hidden);
  writer.Layers("bert/encoder", config.sentence, weights.sentence_layers);
  writer.Dense("bert/pooler/dense", weights.pooler, hidden, hidden);
  writer.Dense("seq_rep_from_bert_sent_dense/dense", weights.block_dense, hidden, hidden);
  writer.Plain("doc_bert/doc_embeddings/position_embeddings", weights.block_positions,
               {config.document.max_position_embeddings, hidden});
  writer.LayerNorm("doc_bert/doc_embeddings", weights.block_norm, hidden);
  writer.Layers("doc_bert/doc_encoder", config.document, weights.document_layers);
  writer.Dense("doc_bert/doc_pooler/dense", weights.document_pooler, hidden, hidden);
  writer.Dense("seq_rep_from_bert_doc_dense/dense", weights.document_dense, hidden, hidden);
  if (config.combine_mode == SmithCombineMode::kAttention) {
    const int64_t attention = config.doc_rep_combine_attention_size;
    writer.Dense("combine_reps_attention/dense", weights.combine_dense, attention, hidden);
    writer.Plain("combine_reps_attention/context_vector", weights.combine_context, {attention});
  }
  if (heads.words) {
    writer.Dense("cls/word_predictions/transform/dense", weights.word_transform, hidden, hidden);
    writer.LayerNorm("cls/word_predictions/transform", weights.word_norm, hidden);
    writer.Plain("cls/word_predictions/output_bias", weights.word_bias, {vocabulary});
  }
  if (heads.sentences) {
    writer.Plain("mask_sent_in_doc/sentence_mask_embedding", weights.sentence_mask, {hidden});
    writer.Dense("cls/sent_predictions/transform/dense", weights.sentence_transform, hidden,
                 hidden);
    writer.LayerNorm("cls/sent_predictions/transform", weights.sentence_norm, hidden);
    writer.Plain("cls/sent_predictions/output_bias", weights.sentence_bias,
                 {heads.num_masked_sentences});
  }
  return table;
}

}  // namespace strata::models
