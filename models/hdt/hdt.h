// HDT encoder: a T5-shaped pre-norm transformer whose attention follows the document's tree.
//
// Paper: HDT: Hierarchical Document Transformer (arXiv 2407.08330), §3. Reference:
// autonomousvision/hdt, HDTEncoderModel and HDTEncoderForPreTraining.
#ifndef STRATA_MODELS_HDT_HDT_H_
#define STRATA_MODELS_HDT_HDT_H_

#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/embedding/sinusoid_embedding.h"
#include "models/batch/packed_batch.h"
#include "models/hdt/hdt_config.h"
#include "models/hdt/hdt_weights.h"

namespace strata::models {

// How one pass is run. All members may be left as they are.
struct HdtForwardOptions {
  double dropout = 0;               // training only
  std::function<bool()> cancelled;  // asked between layers
  // Flat mode only, [T] bool: tokens that none attends to (the reference's attention_mask at 0).
  // They attend to the others all the same. May be undefined: none.
  at::Tensor hidden;
  // In: layers whose attention probabilities are wanted. Out: [H, T, T] each (small batches only).
  std::map<int, at::Tensor>* probabilities = nullptr;
};

// Immutable after construction unless it is being trained; forward passes are thread-safe.
class Hdt {
 public:
  Hdt(HdtConfig config, HdtHeads heads, HdtWeights weights)
      : config_(std::move(config)), heads_(heads), weights_(std::move(weights)) {}

  // Weights from a checkpoint whose keys may carry the prefix "model.". `ignored` names keys that
  // belong to heads kept elsewhere. INVALID_ARGUMENT names the key.
  static absl::StatusOr<Hdt> Load(const HdtConfig& config, const HdtHeads& heads,
                                  const TensorMap& checkpoint,
                                  const std::function<bool(const std::string&)>& ignored,
                                  const std::string& where);

  // Readies the layers for serving (models/layers/transformer_layer.h): their weights are packed
  // and Table() no longer holds them; no gradients from then on. INVALID_ARGUMENT,
  // RESOURCE_EXHAUSTED.
  absl::Status PackForInference(kernels::WeightType type = kernels::WeightType::kFloat32);

  const HdtConfig& config() const { return config_; }
  HdtWeights& weights() { return weights_; }
  // The table under the names of a file that this class itself would write.
  std::vector<WeightEntry> Table(const std::string& prefix = "") {
    return HdtWeightTable(config_, heads_, prefix, weights_);
  }

  // Last hidden states [T, d_model] of a packed batch. INVALID_ARGUMENT: a token id outside the
  // vocabulary (says which). CANCELLED.
  absl::StatusOr<at::Tensor> Forward(const PackedBatch& batch,
                                     const HdtForwardOptions& options = {}) const;

  // What the reference computes for a padding row in tree mode: attention gives it 0, so one row
  // serves all. Needed only by the reference's `avg` and `max` pooling, which look at such rows.
  // Flat mode has no such row: padding attends to the document, so it has to be among the tokens,
  // `hidden` or not. [d_model]
  at::Tensor PaddingState() const;

  // tanh(W·p + b), p by `pooling`. `num_padding[b]` rows of padding stand behind document b in the
  // reference's layout (empty: none; tree mode only). [B, d_model]
  at::Tensor Pool(const at::Tensor& states, const PackedBatch& batch, HdtPooling pooling,
                  const std::vector<int64_t>& num_padding = {}) const;

  // Masked-LM logits of every row, [T, vocab_size].
  at::Tensor MaskedLmLogits(const at::Tensor& states) const;

 private:
  at::Tensor Embed(const at::Tensor& token_ids, const at::Tensor& positions, double dropout) const;
  at::Tensor EmbedPacked(const PackedBatch& batch) const;
  at::Tensor FlatAttention(const at::Tensor& qkv, const PackedBatch& batch,
                           const HdtForwardOptions& pass, at::Tensor* probabilities) const;
  absl::StatusOr<at::Tensor> Probabilities(const at::Tensor& qkv, const PackedBatch& batch) const;

  HdtConfig config_;
  HdtHeads heads_;
  HdtWeights weights_;
  // Only after PackForInference.
  std::shared_ptr<const kernels::SinusoidTable> sinusoids_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_HDT_HDT_H_
