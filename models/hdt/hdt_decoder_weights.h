// The weights of an HDT decoder and the table that ties them to the checkpoint's names.
#ifndef STRATA_MODELS_HDT_HDT_DECODER_WEIGHTS_H_
#define STRATA_MODELS_HDT_HDT_DECODER_WEIGHTS_H_

#include <ATen/ATen.h>

#include <vector>

#include "models/hdt/hdt_config.h"
#include "models/layers/transformer_layer.h"
#include "models/layers/weight_table.h"

namespace strata::models {

// What stands between a decoder layer's two halves: cross-attention over the encoder's states.
struct HdtCrossAttention {
  at::Tensor norm;  // [d]
  at::Tensor q;     // [i, d]
  at::Tensor kv;    // [2i, d]: k, v
  at::Tensor o;     // [d, i]
};

struct HdtDecoderLayer {
  TransformerLayer layer;
  HdtCrossAttention cross;
};

// d = d_model, i = num_heads · d_kv, V = vocab_size. All float32.
struct HdtDecoderWeights {
  at::Tensor shared;    // [V, d]: the encoder's own tensor
  at::Tensor emb_norm;  // [d]
  std::vector<HdtDecoderLayer> layers;
  at::Tensor final_layer_norm;         // [d]
  at::Tensor relative_attention_bias;  // [buckets, heads]: block 0's, read by every layer
  at::Tensor lm_head;                  // [V, d]; undefined where it is tied to `shared`
};

// Freshly initialised, as InitialHdtWeights; `shared` is kept, not copied.
HdtDecoderWeights InitialHdtDecoderWeights(const HdtConfig& config, const at::Tensor& shared);

// Without `shared`, which stands in the encoder's table. The tensors must outlive the table.
std::vector<WeightEntry> HdtDecoderWeightTable(const HdtConfig& config, HdtDecoderWeights& weights);

}  // namespace strata::models

#endif  // STRATA_MODELS_HDT_HDT_DECODER_WEIGHTS_H_
