// The weights of a SMITH model and the table that ties them to the checkpoint's variable names.
#ifndef STRATA_MODELS_SMITH_SMITH_WEIGHTS_H_
#define STRATA_MODELS_SMITH_SMITH_WEIGHTS_H_

#include <ATen/ATen.h>

#include <vector>

#include "models/layers/transformer_layer.h"
#include "models/layers/weight_table.h"
#include "models/smith/smith_config.h"

namespace strata::models {

// C hidden size, V vocabulary, P positions. All float32; a head's members are undefined unless it
// was asked for. One set serves both documents.
struct SmithWeights {
  // Sentence level ("bert").
  at::Tensor word_embeddings;        // [V, C]
  at::Tensor token_type_embeddings;  // [types, C]; row 0 is added everywhere
  at::Tensor position_embeddings;    // [P, C]
  Norm embedding_norm;
  std::vector<TransformerLayer> sentence_layers;
  Linear pooler;       // [C, C]
  Linear block_dense;  // [C, C], seq_rep_from_bert_sent_dense

  // Document level ("doc_bert").
  at::Tensor block_positions;  // [P, C]
  Norm block_norm;
  std::vector<TransformerLayer> document_layers;
  Linear document_pooler;  // [C, C]
  Linear document_dense;   // [C, C], seq_rep_from_bert_doc_dense

  // Combine mode attention.
  Linear combine_dense;        // [A, C]
  at::Tensor combine_context;  // [A]

  // Pre-training heads.
  Linear word_transform;  // [C, C]
  Norm word_norm;
  at::Tensor word_bias;      // [V]; the matrix is word_embeddings
  at::Tensor sentence_mask;  // [C]: stands for a masked block at the document level
  Linear sentence_transform;
  Norm sentence_norm;
  at::Tensor sentence_bias;  // [N]: one for each masked block of the training batch
};

// Which pre-training heads there are.
struct SmithHeads {
  bool words = false;
  bool sentences = false;
  int64_t num_masked_sentences = 0;  // N
};

// How the layers of a level compute: post-norm, LayerNorm with epsilon 1e-12, biases.
TransformerLayerSpec SmithLayerSpec(const SmithBertConfig& config);

// Freshly initialised: normal(0, initializer_range) matrices, norms 1, biases 0, from ATen's global
// generator.
SmithWeights InitialSmithWeights(const SmithConfig& config, const SmithHeads& heads);

// The tensors must outlive the table and need not be allocated; the layers must be there.
std::vector<WeightEntry> SmithWeightTable(const SmithConfig& config, const SmithHeads& heads,
                                          SmithWeights& weights);

}  // namespace strata::models

#endif  // STRATA_MODELS_SMITH_SMITH_WEIGHTS_H_
