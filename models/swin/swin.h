// Swin Transformer: windows of a map attend inside, every other block with the windows shifted.
//
// Paper: arXiv 2103.14030. References: transformers 5 (SwinForImageClassification, SwinModel), timm
// 1.0 (SwinTransformer).
#ifndef STRATA_MODELS_SWIN_SWIN_H_
#define STRATA_MODELS_SWIN_SWIN_H_

#include <memory>
#include <string>

#include "models/layers/image_encoder.h"
#include "models/swin/swin_config.h"
#include "models/swin/swin_weights.h"

namespace strata::models {

// Immutable unless it is being trained; thread-safe. Maps: transformers gives the patches and what
// each stage hands on (merged, but for the last), timm each stage's own output; [B, C, H, W],
// before the last norm. The last hidden state is [B, N, C] or, timm, [B, H, W, C].
class Swin : public ImageEncoder {
 public:
  // model_type "swin", or a timm architecture swin_*.
  static absl::StatusOr<std::unique_ptr<const ImageEncoder>> Load(const std::string& config_json,
                                                                  const TensorMap& weights,
                                                                  const std::string& folder);

  Swin(SwinConfig config, SwinWeights weights);
  const ImageEncoderInfo& info() const override { return info_; }
  // Of weights that InitialSwinWeights made.
  std::vector<WeightEntry> TrainingTable() { return SwinWeightTable(config_, weights_); }
  absl::Status CheckSize(int64_t height, int64_t width) const override;
  absl::StatusOr<ImageFeatures> Forward(const at::Tensor& pixels,
                                        const ImageForwardOptions& options) const override;

 private:
  // [B, H, W, C].
  absl::StatusOr<at::Tensor> Embed(const at::Tensor& pixels,
                                   const ImageForwardOptions& options) const;

  SwinConfig config_;
  SwinWeights weights_;
  ImageEncoderInfo info_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_SWIN_SWIN_H_
