// NAT and DiNAT: every token attends to its neighbourhood, near or (dilated) far.
//
// Papers: arXiv 2204.07143, 2209.15001. Reference: transformers 4 (DinatForImageClassification,
// DinatModel); its version 5 mixes up heads and columns and is not followed.
#ifndef STRATA_MODELS_DINAT_DINAT_H_
#define STRATA_MODELS_DINAT_DINAT_H_

#include <memory>
#include <string>

#include "models/dinat/dinat_config.h"
#include "models/dinat/dinat_weights.h"
#include "models/layers/image_encoder.h"

namespace strata::models {

// Immutable; thread-safe. Maps: the patches and what each level hands on (reduced, but for the
// last), [B, C, H, W]. The last hidden state is [B, H, W, C].
class Dinat : public ImageEncoder {
 public:
  // model_type "dinat" or "nat".
  static absl::StatusOr<std::unique_ptr<const ImageEncoder>> Load(const std::string& config_json,
                                                                  const TensorMap& weights,
                                                                  const std::string& folder);

  Dinat(DinatConfig config, DinatWeights weights);
  const ImageEncoderInfo& info() const override { return info_; }
  absl::Status CheckSize(int64_t height, int64_t width) const override;
  absl::StatusOr<ImageFeatures> Forward(const at::Tensor& pixels,
                                        const ImageForwardOptions& options) const override;

 private:
  // x [B, H, W, C]; false: cancelled.
  bool RunLevel(int32_t level, const ImageForwardOptions& options, at::Tensor& x) const;

  DinatConfig config_;
  DinatWeights weights_;
  ImageEncoderInfo info_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_DINAT_DINAT_H_
