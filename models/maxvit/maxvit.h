// MaxViT: convolutions, attention inside windows, and attention over grids of distant tokens, in
// every block.
//
// Paper: arXiv 2204.01697. Reference: timm 1.0 (MaxxVit with blocks of type "M").
#ifndef STRATA_MODELS_MAXVIT_MAXVIT_H_
#define STRATA_MODELS_MAXVIT_MAXVIT_H_

#include <memory>
#include <string>
#include <vector>

#include "models/layers/image_encoder.h"
#include "models/maxvit/maxvit_config.h"
#include "models/maxvit/maxvit_weights.h"

namespace strata::models {

// Immutable and thread-safe unless it is being trained. Maps: the stem's and each stage's, [B, C,
// H, W]. The last hidden state is the last of them, normed where the head does not norm.
class MaxVit : public ImageEncoder {
 public:
  // A timm architecture maxvit_*.
  static absl::StatusOr<std::unique_ptr<const ImageEncoder>> Load(const std::string& config_json,
                                                                  const TensorMap& weights,
                                                                  const std::string& folder);

  MaxVit(MaxVitConfig config, MaxVitWeights weights);
  const ImageEncoderInfo& info() const override { return info_; }
  // Of weights that InitialMaxVitWeights made.
  std::vector<WeightEntry> TrainingTable() {
    return MaxVitTrainingTable(config_, info_.num_classes, weights_);
  }
  absl::Status CheckSize(int64_t height, int64_t width) const override;
  absl::StatusOr<ImageFeatures> Forward(const at::Tensor& pixels,
                                        const ImageForwardOptions& options) const override;

 private:
  at::Tensor Convolve(const MaxVitConvolutions& convolutions, const at::Tensor& map,
                      int64_t stride) const;
  // x [B, T, C].
  at::Tensor Attend(const MaxVitAttention& attention, Extent window, const WindowOrder& order,
                    const at::Tensor& x) const;

  MaxVitConfig config_;
  MaxVitWeights weights_;
  ImageEncoderInfo info_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_MAXVIT_MAXVIT_H_
