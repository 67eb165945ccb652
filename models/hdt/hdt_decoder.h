// HDT-ED's decoder: causal self-attention with T5's relative position bias, cross-attention over
// the encoder's states, feed-forward.
//
// Paper: HDT: Hierarchical Document Transformer (arXiv 2407.08330), §4. Reference:
// autonomousvision/hdt, HDTForConditionalGeneration.
#ifndef STRATA_MODELS_HDT_HDT_DECODER_H_
#define STRATA_MODELS_HDT_HDT_DECODER_H_

#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/hdt/hdt_config.h"
#include "models/hdt/hdt_decoder_weights.h"
#include "models/layers/sequence_decoder.h"

namespace strata::models {

// Target tokens of B documents end to end, T in all: what a teacher-forced pass reads.
struct HdtTargets {
  std::vector<int32_t> token_ids;   // [T]; the first of a document is usually the start token
  std::vector<int64_t> cu_seqlens;  // [B+1], from 0
  // bool [T], may be undefined: tokens that no other attends to (decoder_attention_mask = 0).
  at::Tensor hidden;
};

// Immutable after construction unless it is being trained; passes are thread-safe. Outlives what
// Start returns.
class HdtDecoder : public SequenceDecoder {
 public:
  HdtDecoder(HdtConfig config, HdtDecoderWeights weights)
      : config_(std::move(config)), weights_(std::move(weights)) {}

  // `shared`: the encoder's token embeddings. INVALID_ARGUMENT names the key.
  static absl::StatusOr<HdtDecoder> Load(const HdtConfig& config, const at::Tensor& shared,
                                         const TensorMap& checkpoint, const std::string& where);

  const HdtConfig& config() const { return config_; }
  std::vector<WeightEntry> Table() { return HdtDecoderWeightTable(config_, weights_); }

  // Last hidden states [T, d_model], every document causal over its own tokens and memory.
  // INVALID_ARGUMENT: a token id outside the vocabulary, documents and memory that do not fit.
  absl::StatusOr<at::Tensor> Forward(const HdtTargets& targets, const EncoderMemory& memory,
                                     double dropout = 0) const;

  // Scores of the next token, [T, V].
  at::Tensor Logits(const at::Tensor& states) const;

  int32_t vocab_size() const override { return config_.vocab_size; }
  DecoderTokens tokens() const override {
    return {config_.decoder_start_token_id, config_.eos_token_id, config_.pad_token_id};
  }
  int32_t max_length() const override { return config_.max_decoder_position_embeddings; }
  // All rows of a document, or its anchors alone under decode_anchor_tokens.
  EncoderMemory Memory(const at::Tensor& states, const PackedBatch& batch,
                       const std::vector<int64_t>& documents) const override;
  absl::StatusOr<std::unique_ptr<Decoding>> Start(const EncoderMemory& memory,
                                                  const std::vector<int64_t>& rows) const override;

 private:
  class CachedDecoding;
  // Attention of layer n: self, of its [T, 3i] projection; cross, of its queries [T, i].
  using Attend = std::function<at::Tensor(size_t n, const at::Tensor& projected)>;

  absl::Status CheckTokens(const std::vector<int32_t>& token_ids) const;
  at::Tensor Layers(const std::vector<int32_t>& token_ids, const Attend& self, const Attend& cross,
                    double dropout) const;
  // [T, parts · i] as parts × [H, T, D].
  at::Tensor Heads(const at::Tensor& projected, int64_t parts) const;
  double Scale() const;

  HdtConfig config_;
  HdtDecoderWeights weights_;
};

// Labels moved one to the right behind the start token, as training feeds them; what the loss
// ignores (-100) becomes padding. labels [T] of one document.
std::vector<int32_t> HdtShiftRight(const HdtConfig& config, const std::vector<int32_t>& labels);

}  // namespace strata::models

#endif  // STRATA_MODELS_HDT_HDT_DECODER_H_
