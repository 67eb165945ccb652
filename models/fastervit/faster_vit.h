// FasterViT: convolutions where maps are large, then windows of tokens that see each other through
// a few carrier tokens each.
//
// Paper: arXiv 2306.06189 (hierarchical attention). Written from the formulas alone: the
// reference's code and weights are under a non-commercial licence.
#ifndef STRATA_MODELS_FASTERVIT_FASTER_VIT_H_
#define STRATA_MODELS_FASTERVIT_FASTER_VIT_H_

#include <memory>
#include <string>

#include "models/fastervit/faster_vit_config.h"
#include "models/fastervit/faster_vit_weights.h"
#include "models/layers/image_encoder.h"

namespace strata::models {

// Immutable; thread-safe. Maps: the stem's, then what each level hands on (reduced, but for the
// last), [B, C, H, W]. The last hidden state is the last of them, normed.
class FasterVit : public ImageEncoder {
 public:
  // model_type "faster_vit".
  static absl::StatusOr<std::unique_ptr<const ImageEncoder>> Load(const std::string& config_json,
                                                                  const TensorMap& weights,
                                                                  const std::string& folder);

  FasterVit(FasterVitConfig config, FasterVitWeights weights);
  const ImageEncoderInfo& info() const override { return info_; }
  absl::Status CheckSize(int64_t height, int64_t width) const override;
  absl::StatusOr<ImageFeatures> Forward(const at::Tensor& pixels,
                                        const ImageForwardOptions& options) const override;

 private:
  at::Tensor RunLevel(int32_t level, const at::Tensor& map) const;
  // [B, carriers, C], window after window.
  at::Tensor Carriers(int32_t level, const at::Tensor& map) const;
  at::Tensor RunLayer(const FasterVitLayer& layer, const at::Tensor& x) const;

  FasterVitConfig config_;
  FasterVitWeights weights_;
  ImageEncoderInfo info_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_FASTERVIT_FASTER_VIT_H_
