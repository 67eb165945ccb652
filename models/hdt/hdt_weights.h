// The weights of an HDT encoder and the table that ties them to the checkpoint's names.
#ifndef STRATA_MODELS_HDT_HDT_WEIGHTS_H_
#define STRATA_MODELS_HDT_HDT_WEIGHTS_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "models/hdt/hdt_config.h"
#include "models/layers/transformer_layer.h"
#include "models/layers/weight_table.h"

namespace strata::models {

// The layer of T5: RMSNorm in front of each half, no biases, dropout inside the feed-forward layer.
TransformerLayerSpec HdtLayerSpec(const HdtConfig& config);

// d = d_model, V = vocab_size; a layer's A is num_heads · d_kv, its F d_ff. All float32.
struct HdtWeights {
  at::Tensor shared;        // [V, d]
  at::Tensor scale_factor;  // [1]
  at::Tensor emb_norm;      // [d]
  std::vector<TransformerLayer> layers;
  at::Tensor final_layer_norm;            // [d]
  at::Tensor relative_attention_bias;     // [buckets, heads]: block 0's, used in flat mode only
  at::Tensor pooler_weight, pooler_bias;  // [d, d], [d]

  // Masked-LM head; `transform` only if the configuration has prediction_head.
  at::Tensor mlm_norm_weight, mlm_norm_bias;              // [d]
  at::Tensor transform_weight, transform_bias;            // [d, d], [d]
  at::Tensor transform_norm_weight, transform_norm_bias;  // [d]
  at::Tensor decoder_bias;                                // [V]
  at::Tensor decoder_weight;  // [V, d]; undefined where it is tied to `shared`
};

// Which heads a checkpoint's table has besides the encoder.
struct HdtHeads {
  bool pooler = false;
  bool masked_lm = false;
};

// Freshly initialised: normal(0, 0.02) matrices, norms 1, biases 0, scale d^(-1/2). The seed is the
// caller's (at::manual_seed). Heads that are not asked for stay undefined.
HdtWeights InitialHdtWeights(const HdtConfig& config,
                             const HdtHeads& heads = {.pooler = true, .masked_lm = true});

// The same values in what a checkpoint may lack: the pooler, and block 0's table in tree mode.
// Tensors that are there stay as they are.
void FillAbsentHdtWeights(const HdtConfig& config, const HdtHeads& heads, HdtWeights& weights);

// The entries of one layer: `attention` and `feed_forward` are its key prefixes, such as
// "encoder.block.0.layer.0." and "encoder.block.0.layer.1.".
void AddHdtLayerEntries(const HdtConfig& config, const std::string& attention,
                        const std::string& feed_forward, TransformerLayer& layer,
                        std::vector<WeightEntry>& table);

// `prefix`: "" or "model." (masked-LM files). The tensors must outlive the table.
std::vector<WeightEntry> HdtWeightTable(const HdtConfig& config, const HdtHeads& heads,
                                        const std::string& prefix, HdtWeights& weights);

// Keys of HDT checkpoints that an encoder has no use for: repetitions of tied tensors, the decoder,
// heads that were not asked for.
bool IsIgnoredHdtKey(const std::string& key, const HdtHeads& heads);

}  // namespace strata::models

#endif  // STRATA_MODELS_HDT_HDT_WEIGHTS_H_
