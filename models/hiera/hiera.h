// Hiera: a plain transformer that pools its tokens between stages and attends inside mask units
// while there are many.
//
// Paper: arXiv 2306.00989. References: transformers 5 (HieraForImageClassification, HieraModel),
// timm 1.0 (Hiera).
#ifndef STRATA_MODELS_HIERA_HIERA_H_
#define STRATA_MODELS_HIERA_HIERA_H_

#include <memory>
#include <string>

#include "kernels/plan/structure_plan.h"
#include "models/hiera/hiera_config.h"
#include "models/hiera/hiera_weights.h"
#include "models/layers/image_encoder.h"

namespace strata::models {

// Immutable; thread-safe. Maps: transformers gives the patches and each stage's output, [B, H, W,
// C]; timm each stage's output, [B, C, H, W]; none with hidden patches. The last hidden state is
// [B, N, C], not normed, in the order of the pooling (row by row where all of it is used up).
// `hidden_patches` [B, mask units] are left out of the sequence; as many for each image.
class Hiera : public ImageEncoder {
 public:
  // model_type "hiera", or a timm architecture hiera_*.
  static absl::StatusOr<std::unique_ptr<const ImageEncoder>> Load(const std::string& config_json,
                                                                  const TensorMap& weights,
                                                                  const std::string& folder);

  Hiera(HieraConfig config, HieraWeights weights);
  const ImageEncoderInfo& info() const override { return info_; }
  absl::Status CheckSize(int64_t height, int64_t width) const override;
  absl::StatusOr<ImageFeatures> Forward(const at::Tensor& pixels,
                                        const ImageForwardOptions& options) const override;

 private:
  // Who attends to whom where images of `tokens` fall into `units` that keep to themselves.
  struct UnitStructure {
    int64_t tokens = 0, units = 0;
    std::shared_ptr<const kernels::StructurePlan> plan;
  };

  // [B, N, C], row by row.
  absl::StatusOr<at::Tensor> Embed(const at::Tensor& pixels,
                                   const ImageForwardOptions& options) const;
  // `structure` is of the last block that had the same tokens and units, and renewed where one has
  // others.
  absl::StatusOr<at::Tensor> RunBlock(const HieraBlockPlan& plan, const HieraBlock& block,
                                      const at::Tensor& x, UnitStructure& structure) const;

  HieraConfig config_;
  HieraWeights weights_;
  std::vector<HieraBlockPlan> plans_;
  ImageEncoderInfo info_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_HIERA_HIERA_H_
