// The weights of a HAT model and the table that ties them to the checkpoint's names.
#ifndef STRATA_MODELS_HAT_HAT_WEIGHTS_H_
#define STRATA_MODELS_HAT_HAT_WEIGHTS_H_

#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "models/hat/hat_config.h"
#include "models/layers/transformer_layer.h"
#include "models/layers/weight_table.h"

namespace strata::models {

// The layer of RoBERTa: LayerNorm behind each half, biases everywhere.
TransformerLayerSpec HatLayerSpec(const HatConfig& config);

// One encoder of a layer; `distances` [2 · max_position_embeddings - 1, D] with relative positions
// only.
struct HatEncoderWeights {
  TransformerLayer layer;
  at::Tensor distances;
};

// What encoder_layout gives a layer; an encoder that it lacks is empty.
struct HatLayerWeights {
  HatEncoderWeights segment;  // "sentence_encoder"
  HatEncoderWeights cross;    // "document_encoder"
};

// d hidden size, k segment length, V vocabulary, K classes. All float32; a head's members are
// undefined unless it was asked for.
struct HatWeights {
  at::Tensor word_embeddings;        // [V, d]
  at::Tensor position_embeddings;    // [k + pad + 1, d]; unread with relative positions
  at::Tensor token_type_embeddings;  // [types, d]
  Norm embedding_norm;
  std::vector<HatLayerWeights> layers;
  at::Tensor cross_positions;  // P, [max_sentences + 1, d]: one for all layers

  Linear pooler;                // [d, d]
  Linear attentive_projection;  // [d, d]
  Linear attentive_score;       // [1, d], no bias
  Linear sentencizer;           // [d, d]
  Linear classifier;            // [K, d]
  Linear label_attention;       // [K, d], no bias: what each label attends by
  Linear label_scores;          // [K, d]: what scores each label's vector
  Linear spans;                 // [2, d]: begin and end of an answer
  Linear document_words;        // [V, d]: a document's bag of words, "document_cls"
  Linear segment_words;         // [V, d]: a segment's, "sentence_cls"
  Linear lm_dense;              // [d, d]
  Norm lm_norm;
  at::Tensor lm_decoder;  // [V, d] where it is not tied to the word embeddings
  at::Tensor lm_bias;     // [V]
};

// Which heads stand on the encoder.
struct HatHeads {
  bool masked_lm = false;
  bool pooler = false;
  bool attentive = false;  // the pooler's attention
  bool sentencizer = false;
  int64_t num_classes = 0;       // rows of the classifier, or of the label attention; 0: none
  bool label_attention = false;  // in place of pooler and classifier
  bool spans = false;
  bool document_words = false, segment_words = false;
};

// Tensors of the right shapes, their values whatever memory held.
HatWeights AllocateHatWeights(const HatConfig& config, const HatHeads& heads);

// The values that training starts from: normal(0, 0.02) matrices and tables, the padding rows of
// the tables 0, norms 1, biases 0. The seed is the caller's (at::manual_seed).
void InitializeHatWeights(const HatConfig& config, const std::vector<WeightEntry>& table);

// The table; the tensors need not be allocated yet, and must outlive it. `prefix` stands before the
// encoder's names: "hi_transformer.", or "" for a bare HATModel. A tensor with several names in the
// reference (word embeddings and decoder, the two decoder biases, every layer's P) has an entry
// under its first only. A head's entries are optional where `heads_optional`.
std::vector<WeightEntry> HatWeightTable(const HatConfig& config, const HatHeads& heads,
                                        const std::string& prefix, bool heads_optional,
                                        HatWeights& weights);

// The further names of a tensor: {first name, another}, all of which a .bin holds and a
// .safetensors by save_pretrained only one.
std::vector<std::pair<std::string, std::string>> HatAliases(const HatConfig& config,
                                                            const HatHeads& heads,
                                                            const std::string& prefix);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_WEIGHTS_H_
