// HTS-AT: a Swin transformer over folded log-mel spectrograms that says which sounds a clip holds
// and when.
//
// Paper: HTS-AT: A Hierarchical Token-Semantic Audio Transformer (arXiv 2202.00874). Reference:
// RetroCirce/HTS-Audio-Transformer, model/htsat.py, in evaluation mode.
#ifndef STRATA_MODELS_HTSAT_HTSAT_H_
#define STRATA_MODELS_HTSAT_HTSAT_H_

#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"
#include "models/htsat/htsat_config.h"
#include "models/htsat/htsat_weights.h"

namespace strata::models {

struct HtsatForwardOptions {
  // The reference's infer_mode: a clip that is short enough is repeated as often as it fits.
  // Otherwise it is stretched, and one that is too long is covered by crops of half its length.
  bool infer_mode = false;
  std::function<bool()> cancelled;  // asked between blocks
  // What the reference's tests look at; each may be null. One row for each crop or quarter, in the
  // order in which the reference visits them.
  at::Tensor* folded_image = nullptr;   // [B · crops, 1, S, S]
  at::Tensor* normed_tokens = nullptr;  // [B · crops, tokens, C]
};

struct HtsatOutput {
  at::Tensor clipwise;   // [B, classes]: probabilities, or logits where the model is single_label
  at::Tensor framewise;  // [B, rows, classes]: probabilities
  at::Tensor latent;     // [B, C]; undefined where the reference has none
  at::Tensor moments;    // [B, rows / rows_per_token, C]: what each moment is scored from
};

// Immutable after construction unless it is being trained; forward passes are thread-safe.
class Htsat {
 public:
  Htsat(HtsatConfig config, HtsatWeights weights)
      : config_(std::move(config)), weights_(std::move(weights)), mel_(config_.mel) {}

  // From a checkpoint whose keys may carry the prefix "sed_model.". INVALID_ARGUMENT names the key;
  // also a mel filter bank in the checkpoint that is not the configuration's.
  static absl::StatusOr<Htsat> Load(const HtsatConfig& config, const TensorMap& checkpoint,
                                    const std::string& where);

  const HtsatConfig& config() const { return config_; }
  const MelSpectrogram& mel() const { return mel_; }
  HtsatWeights& weights() { return weights_; }
  std::vector<WeightEntry> Table() { return HtsatWeightTable(config_, "", weights_); }

  // logmel [B, T, mel_bins] of clips of one length. RESOURCE_EXHAUSTED: T beyond what the length
  // policy takes. CANCELLED.
  absl::StatusOr<HtsatOutput> Forward(const at::Tensor& logmel,
                                      const HtsatForwardOptions& options = {}) const;
  // The same for clips of different lengths, [1, T, mel_bins] each, in one batch.
  absl::StatusOr<HtsatOutput> ForwardClips(const std::vector<at::Tensor>& logmels,
                                           const HtsatForwardOptions& options = {}) const;

 private:
  absl::StatusOr<std::vector<at::Tensor>> Images(const at::Tensor& normed,
                                                 const HtsatForwardOptions& options) const;
  absl::StatusOr<HtsatOutput> RunImages(const at::Tensor& images,
                                        const HtsatForwardOptions& options) const;
  at::Tensor Saliency(const std::vector<at::Tensor>& probabilities, int64_t batch) const;

  HtsatConfig config_;
  HtsatWeights weights_;
  MelSpectrogram mel_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_HTSAT_HTSAT_H_
