// HAT encoder: post-norm transformer layers inside segments, and across their first tokens.
//
// Paper: 'An Exploration of Hierarchical Attention Transformers for Efficient Long Document
// Classification' (arXiv 2210.05529), §3. Reference: coastalcph/hierarchical-transformers,
// models/hat/modelling_hat.py.
#ifndef STRATA_MODELS_HAT_HAT_H_
#define STRATA_MODELS_HAT_HAT_H_

#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "models/hat/hat_batch.h"
#include "models/hat/hat_config.h"
#include "models/hat/hat_weights.h"
#include "models/layers/tree_pass.h"

namespace strata::models {

// Attention probabilities of one layer: those of each family of the batch (HatBatch::within and
// ::across), [H, queries, keys] each. Empty where the layer has no such encoder.
struct HatLayerMaps {
  std::vector<at::Tensor> within, across;
};

// How one pass is run. All members may be left as they are.
struct HatForwardOptions {
  double dropout = 0;                         // training only
  std::function<bool()> cancelled;            // asked between layers
  std::vector<HatLayerMaps>* maps = nullptr;  // gets one entry for each layer
};

// What a checkpoint lacked and what it held beyond the model.
struct HatLoadReport {
  std::vector<std::string> initialized;  // head weights that start fresh
  std::vector<std::string> unused;
};

// Immutable after construction unless it is being trained; forward passes are thread-safe.
class Hat {
 public:
  Hat(HatConfig config, const HatHeads& heads, HatWeights weights)
      : config_(std::move(config)), heads_(heads), weights_(std::move(weights)) {}

  // Weights from a checkpoint, the encoder's keys with or without "hi_transformer.". A head that
  // the checkpoint lacks starts fresh if `report` is given, and is refused otherwise. `ignored`
  // (may be null) names keys that belong to heads kept elsewhere. INVALID_ARGUMENT names the key,
  // also where two names of one tensor hold different values.
  static absl::StatusOr<Hat> Load(const HatConfig& config, const HatHeads& heads,
                                  const TensorMap& checkpoint,
                                  const std::function<bool(const std::string&)>& ignored,
                                  const std::string& where, HatLoadReport* report = nullptr);
  // The heads that a checkpoint holds.
  static HatHeads HeadsIn(const TensorMap& checkpoint);

  const HatConfig& config() const { return config_; }
  const HatHeads& heads() const { return heads_; }
  const HatWeights& weights() const { return weights_; }
  HatWeights& weights() { return weights_; }
  // The table under the names of a file of a model with heads ("hi_transformer.").
  std::vector<WeightEntry> Table() {
    return HatWeightTable(config_, heads_, "hi_transformer.", false, weights_);
  }

  // For serving: from then on the layers run on the kernels of this processor, without gradients
  // and without dropout, and Table() is no more. INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
  absl::Status PackForInference(kernels::WeightType type = kernels::WeightType::kFloat32);

  // Last hidden states of all rows, [R, d]. INVALID_ARGUMENT: an id, a position, a type or a
  // segment's number that is outside its table (says which). CANCELLED.
  absl::StatusOr<at::Tensor> Forward(const HatBatch& batch,
                                     const HatForwardOptions& options = {}) const;

 private:
  absl::Status CheckRows(const HatBatch& batch) const;
  at::Tensor Embed(const HatBatch& batch, double dropout) const;
  absl::Status Encode(const HatEncoderWeights& encoder, const TransformerLayerSpec& spec,
                      const AttentionSets& sets, TreePass& tree, std::vector<at::Tensor>* maps,
                      at::Tensor& x) const;

  HatConfig config_;
  HatHeads heads_;
  HatWeights weights_;
  bool is_packed_ = false;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_H_
