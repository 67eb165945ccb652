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

  void Plain(const std::string& key, at::Tensor& tensor) {
    table_.push_back({key, &tensor, 0, tensor.sizes().vec()});
  }
  void Dense(const std::string& scope, Linear& linear) {
    Rows(scope, linear, 0, linear.weight.size(0));
  }
  // Rows [begin, begin + count) of a linear map that several variables share.
  void Rows(const std::string& scope, Linear& linear, int64_t begin, int64_t count) {
    table_.push_back({absl::StrCat(scope, "/kernel"),
                      &linear.weight,
                      begin,
                      {count, linear.weight.size(1)},
                      false,
                      true});
    table_.push_back({absl::StrCat(scope, "/bias"), &linear.bias, begin, {count}});
  }
  void LayerNorm(const std::string& scope, Norm& norm) {
    Plain(absl::StrCat(scope, "/LayerNorm/gamma"), norm.weight);
    Plain(absl::StrCat(scope, "/LayerNorm/beta"), norm.bias);
  }
  void Layers(const std::string& scope, std::vector<TransformerLayer>& layers) {
    for (size_t n = 0; n < layers.size(); ++n) {
      TransformerLayer& layer = layers[n];
      const std::string name = absl::StrCat(scope, "/layer_", n);
      const int64_t hidden = layer.qkv.weight.size(0) / 3;
      Rows(name + "/attention/self/query", layer.qkv, 0, hidden);
      Rows(name + "/attention/self/key", layer.qkv, hidden, hidden);
      Rows(name + "/attention/self/value", layer.qkv, 2 * hidden, hidden);
      Dense(name + "/attention/output/dense", layer.attention_out);
      LayerNorm(name + "/attention/output", layer.attention_norm);
      Dense(name + "/intermediate/dense", layer.feed_forward_in);
      Dense(name + "/output/dense", layer.feed_forward_out);
      LayerNorm(name + "/output", layer.feed_forward_norm);
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
  std::vector<WeightEntry> table;
  TableWriter writer(table);
  writer.Plain("bert/embeddings/word_embeddings", weights.word_embeddings);
  writer.Plain("bert/embeddings/token_type_embeddings", weights.token_type_embeddings);
  writer.Plain("bert/embeddings/position_embeddings", weights.position_embeddings);
  writer.LayerNorm("bert/embeddings", weights.embedding_norm);
  writer.Layers("bert/encoder", weights.sentence_layers);
  writer.Dense("bert/pooler/dense", weights.pooler);
  writer.Dense("seq_rep_from_bert_sent_dense/dense", weights.block_dense);
  writer.Plain("doc_bert/doc_embeddings/position_embeddings", weights.block_positions);
  writer.LayerNorm("doc_bert/doc_embeddings", weights.block_norm);
  writer.Layers("doc_bert/doc_encoder", weights.document_layers);
  writer.Dense("doc_bert/doc_pooler/dense", weights.document_pooler);
  writer.Dense("seq_rep_from_bert_doc_dense/dense", weights.document_dense);
  if (config.combine_mode == SmithCombineMode::kAttention) {
    writer.Dense("combine_reps_attention/dense", weights.combine_dense);
    writer.Plain("combine_reps_attention/context_vector", weights.combine_context);
  }
  if (heads.words) {
    writer.Dense("cls/word_predictions/transform/dense", weights.word_transform);
    writer.LayerNorm("cls/word_predictions/transform", weights.word_norm);
    writer.Plain("cls/word_predictions/output_bias", weights.word_bias);
  }
  if (heads.sentences) {
    writer.Plain("mask_sent_in_doc/sentence_mask_embedding", weights.sentence_mask);
    writer.Dense("cls/sent_predictions/transform/dense", weights.sentence_transform);
    writer.LayerNorm("cls/sent_predictions/transform", weights.sentence_norm);
    writer.Plain("cls/sent_predictions/output_bias", weights.sentence_bias);
  }
  return table;
}

}  // namespace strata::models
