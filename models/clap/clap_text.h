// CLAP's text tower: RoBERTa with a pooled first token, one vector for a text.
//
// Reference: transformers 5, ClapTextModelWithProjection.
#ifndef STRATA_MODELS_CLAP_CLAP_TEXT_H_
#define STRATA_MODELS_CLAP_CLAP_TEXT_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"
#include "models/layers/transformer_layer.h"
#include "models/layers/weight_binder.h"

namespace strata::models {

// Field names and defaults of ClapTextConfig.
struct ClapTextConfig {
  int32_t vocab_size = 50265;
  int32_t hidden_size = 768;
  int32_t num_hidden_layers = 12;
  int32_t num_attention_heads = 12;
  int32_t intermediate_size = 3072;
  int32_t max_position_embeddings = 514;
  int32_t type_vocab_size = 1;
  int32_t pad_token_id = 1;
  double layer_norm_eps = 1e-12;
  int32_t projection_dim = 512;
  Activation activation = Activation::kGelu;
  Activation projection_activation = Activation::kRelu;

  // Positions begin behind that of the padding token.
  int64_t max_tokens() const { return max_position_embeddings - pad_token_id - 1; }
};

// The file of a text tower (model_type "clap_text_model"), or of a whole CLAP, whose text_config
// counts. INVALID_ARGUMENT names the field.
absl::StatusOr<ClapTextConfig> ParseClapTextConfig(const std::string& json,
                                                   const std::string& where);

// C = hidden_size, P = projection_dim. All float32.
struct ClapTextWeights {
  at::Tensor words, positions, types;  // [vocab, C], [max positions, C], [types, C]
  Norm embedding_norm;                 // [C]
  std::vector<TransformerLayer> layers;
  Linear pooler;                         // [C, C]
  Linear projection_in, projection_out;  // [P, C], [P, P]
};

struct ClapTextOutput {
  at::Tensor last_hidden_state;  // [T, C], all texts end to end
  at::Tensor pooled;             // [B, C]
  at::Tensor embedding;          // [B, P], not normalised; undefined without projection
};

// Immutable after construction unless it is being trained; forward passes are thread-safe.
class ClapText {
 public:
  // From the file of a text tower or of a whole CLAP. INVALID_ARGUMENT names the key.
  static absl::StatusOr<ClapText> Load(const ClapTextConfig& config, const TensorMap& checkpoint,
                                       const std::string& where);

  const ClapTextConfig& config() const { return config_; }

  // Token ids of each text, its <s> and </s> included, no padding. INVALID_ARGUMENT: an empty text,
  // one of more than max_tokens, an id outside the vocabulary; says which. CANCELLED.
  absl::StatusOr<ClapTextOutput> Forward(const std::vector<std::vector<int32_t>>& texts,
                                         const std::function<bool()>& cancelled = nullptr) const;

 private:
  // No weight is allocated.
  ClapText(ClapTextConfig config, bool has_projection);
  void Bind(const std::string& prefix, WeightBinder& binder);

  ClapTextConfig config_;
  bool has_projection_;
  ClapTextWeights weights_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_CLAP_CLAP_TEXT_H_
