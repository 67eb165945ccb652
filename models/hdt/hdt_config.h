// The configuration of an HDT checkpoint, with the field names of its config.json.
//
// Source: autonomousvision/hdt (arXiv 2407.08330), HDTConfig; defaults are that class's, since
// save_pretrained leaves out fields that stand at them.
#ifndef STRATA_MODELS_HDT_HDT_CONFIG_H_
#define STRATA_MODELS_HDT_HDT_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/activation.h"

namespace strata::models {

// What one vector of a document is made from (the reference's pool_scheme).
enum class HdtPooling : uint8_t {
  kFirstToken,       // state of the first token
  kMeanAllRows,      // "avg": all rows, the reference's padding rows too
  kMaxAllRows,       // "max": likewise
  kSentenceAnchors,  // "hier_1": mean over <cls>
  kSectionAnchors,   // "hier_2": mean over <sec>
  kDocumentAnchor,   // "hier_3": mean over <doc> and a global query's tokens
};

absl::StatusOr<HdtPooling> ParseHdtPooling(const std::string& pool_scheme);

struct HdtConfig {
  int32_t vocab_size = 32128;
  int32_t d_model = 512;
  int32_t d_kv = 64;
  int32_t d_ff = 2048;
  int32_t num_layers = 6;
  int32_t num_decoder_layers = 6;
  int32_t num_heads = 8;
  int32_t relative_attention_num_buckets = 32;
  int32_t relative_attention_max_distance = 128;
  double layer_norm_epsilon = 1e-6;
  double dropout_rate = 0.1;
  int32_t max_decoder_position_embeddings = 256;  // only a default for lengths
  int32_t pad_token_id = 0;
  int32_t eos_token_id = 1;             // -1: none, or several
  int32_t decoder_start_token_id = -1;  // bos_token_id, whatever the file says; -1: none
  bool is_hierarchical = true;
  bool is_encoder_decoder = true;
  bool tie_word_embeddings = true;
  bool decode_anchor_tokens = false;
  HdtPooling pool_scheme = HdtPooling::kFirstToken;

  // Derived from feed_forward_proj, as the reference does.
  Activation activation = Activation::kRelu;
  bool is_gated = false;
  // The masked-LM head has its middle dense layer: encoder-only configurations.
  bool prediction_head = false;

  // Labels by class index, from id2label; empty if the checkpoint has none of its own.
  std::vector<std::string> labels;
  std::string architecture;  // architectures[0], may be empty

  int32_t inner_size() const { return num_heads * d_kv; }
};

// INVALID_ARGUMENT names the field: wrong type, out of range, an activation or pooling that is not
// there. `where` stands in front of messages (a file name).
absl::StatusOr<HdtConfig> ParseHdtConfig(const std::string& json, const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_HDT_HDT_CONFIG_H_
