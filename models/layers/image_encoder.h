// What the engine asks of an architecture for images: a forward pass over prepared pixels.
#ifndef STRATA_MODELS_LAYERS_IMAGE_ENCODER_H_
#define STRATA_MODELS_LAYERS_IMAGE_ENCODER_H_

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"
#include "models/media/image_processor.h"

namespace strata::models {

// Sizes that a user is shown, and how an image is prepared where the model folder does not say.
struct ImageEncoderInfo {
  int32_t hidden_size = 0;          // C, of `pooled`
  int32_t num_layers = 0;           // blocks of all stages
  int32_t num_classes = 0;          // K; 0: no classification head
  std::vector<std::string> labels;  // K of them; empty if the checkpoint names none
  std::string architecture;
  int32_t num_channels = 3;                       // of the pixels
  int32_t image_height = 224, image_width = 224;  // that it was made for
  double crop_pct = 0.875;
};

struct ImageForwardOptions {
  std::function<bool()> cancelled;  // asked between blocks; may be null
  // Also give the intermediate maps.
  bool want_maps = false;
  // Resize learned absolute positions even where their number fits, as transformers does with
  // interpolate_pos_encoding. Without it they are resized where the number does not fit.
  bool always_resize_positions = false;
  // [B, N] bool of patches (or units of patches) that are hidden from the network; may be
  // undefined. UNIMPLEMENTED where the architecture knows no such thing.
  at::Tensor hidden_patches;
};

// Shapes and order are those of the reference that the checkpoint comes from.
struct ImageFeatures {
  at::Tensor last_hidden_state;  // [B, N, C], [B, H, W, C] or [B, C, H, W]
  at::Tensor pooled;             // [B, C], what the classifier reads
  at::Tensor logits;             // [B, K]; undefined without a head
  std::vector<at::Tensor> maps;  // if wanted
};

// Thread-safe; immutable.
class ImageEncoder {
 public:
  virtual ~ImageEncoder() = default;
  virtual const ImageEncoderInfo& info() const = 0;
  // INVALID_ARGUMENT says which sizes it takes.
  virtual absl::Status CheckSize(int64_t height, int64_t width) const = 0;
  // pixels [B, num_channels, H, W] float32, prepared; of a size that CheckSize passes. CANCELLED.
  virtual absl::StatusOr<ImageFeatures> Forward(const at::Tensor& pixels,
                                                const ImageForwardOptions& options) const = 0;
};

// Makes an encoder from a model folder's parts; `folder` stands in front of messages.
using ImageEncoderLoader = absl::StatusOr<std::unique_ptr<const ImageEncoder>> (*)(
    const std::string& config_json, const TensorMap& weights, const std::string& folder);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_IMAGE_ENCODER_H_
