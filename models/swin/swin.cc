// Swin (arXiv 2103.14030), §3.
//
//   x = LN(conv_pxp(image)) [+ positions]
//   h = trunk(x)                            models/layers/swin_trunk.h
//   logits = W · mean over tokens of LN(h)
//
// Quirks of transformers that are kept: layer_norm_eps reaches the blocks and the last norm only;
// an image is padded to whole patches; a grid smaller than a window is refused, as its bias table
// does not fit; positions are read as a square
// when they are resized.
#include "models/swin/swin.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/image_config.h"

namespace strata::models {
namespace {

constexpr double kPatchEpsilon = 1e-5;

}  // namespace

absl::StatusOr<std::unique_ptr<const ImageEncoder>> Swin::Load(const std::string& config_json,
                                                               const TensorMap& weights,
                                                               const std::string& folder) {
  return LoadImageModel<Swin>(ParseSwinConfig, LoadSwinWeights, config_json, weights, folder);
}

Swin::Swin(SwinConfig config, SwinWeights weights)
    : config_(std::move(config)), weights_(std::move(weights)) {
  const SwinSpec& spec = config_.spec;
  info_.hidden_size = static_cast<int32_t>(spec.channels(spec.num_stages() - 1));
  for (int32_t depth : spec.depths) info_.num_layers += depth;
  info_.num_classes = NumClasses(weights_.head);
  info_.labels = config_.labels;
  info_.num_channels = config_.num_channels;
  info_.architecture = config_.architecture;
  info_.image_height = static_cast<int32_t>(config_.image.height);
  info_.image_width = static_cast<int32_t>(config_.image.width);
  info_.crop_pct = 0.9;
}

absl::Status Swin::CheckSize(int64_t height, int64_t width) const {
  const Extent image{height, width};
  if (!config_.any_size && !(image == config_.image)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "this model takes images of ", SizeText(config_.image), " pixels, not ", SizeText(image)));
  }
  if (config_.is_timm() &&
      (height % config_.patch.height != 0 || width % config_.patch.width != 0)) {
    return absl::InvalidArgumentError(absl::StrCat("an image of ", SizeText(image),
                                                   " pixels is not made of whole patches of ",
                                                   SizeText(config_.patch)));
  }
  Extent grid = config_.Patches(image);
  for (int64_t i = 0; i < config_.spec.num_stages(); ++i) {
    auto window = SwinWindow(config_.spec, i, grid.height, grid.width, /*shifted=*/false);
    if (!window.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("an image of ", SizeText(image), " pixels: ", window.status().message()));
    }
    grid = {(grid.height + 1) / 2, (grid.width + 1) / 2};
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageFeatures> Swin::Forward(const at::Tensor& pixels,
                                            const ImageForwardOptions& options) const {
  if (absl::Status status = CheckSize(pixels.size(2), pixels.size(3)); !status.ok()) return status;
  if (options.hidden_patches.defined() && !weights_.hidden_patch.defined()) {
    return absl::UnimplementedError("this checkpoint has no mask_token to hide patches with");
  }
  auto patches = Embed(pixels, options);
  if (!patches.ok()) return patches.status();
  SwinForwardOptions trunk;
  trunk.cancelled = options.cancelled;
  std::vector<at::Tensor> outputs, merged;
  if (options.want_maps) {
    trunk.stage_outputs = &outputs;
    trunk.merged_outputs = &merged;
  }
  auto last = RunSwinStages(config_.spec, weights_.stages, *patches, trunk);
  if (!last.ok()) return last.status();
  ImageFeatures features;
  if (options.want_maps && config_.is_timm()) {
    features.maps = outputs;
  } else if (options.want_maps) {
    features.maps = {*patches};
    features.maps.insert(features.maps.end(), merged.begin(), merged.end());
    features.maps.push_back(outputs.back());
  }
  for (at::Tensor& map : features.maps) map = ChannelsFirst(map);
  const at::Tensor normed =
      Normalize(weights_.norm, NormKind::kLayerNorm, config_.spec.epsilon, *last);
  features.last_hidden_state = config_.is_timm() ? normed : normed.flatten(1, 2);
  features.pooled = normed.mean(at::IntArrayRef{1, 2});
  if (info_.num_classes > 0) features.logits = Apply(weights_.head, features.pooled);
  return features;
}

absl::StatusOr<at::Tensor> Swin::Embed(const at::Tensor& pixels,
                                       const ImageForwardOptions& options) const {
  const Extent image{pixels.size(2), pixels.size(3)}, grid = config_.Patches(image);
  const int64_t bottom = grid.height * config_.patch.height - image.height;
  const int64_t right = grid.width * config_.patch.width - image.width;
  const at::Tensor whole =
      bottom > 0 || right > 0 ? at::constant_pad_nd(pixels, {0, right, 0, bottom}, 0) : pixels;
  at::Tensor x = ChannelsLast(at::conv2d(whole, weights_.patch.weight, weights_.patch.bias,
                                         {config_.patch.height, config_.patch.width}));
  x = Normalize(weights_.patch_norm, NormKind::kLayerNorm, kPatchEpsilon, x);
  if (options.hidden_patches.defined()) {
    x = at::where(options.hidden_patches.view({x.size(0), grid.height, grid.width, 1}),
                  weights_.hidden_patch, x);
  }
  if (!weights_.positions.defined()) return x;
  auto positions = FitPositions(weights_.positions, grid, image, options.always_resize_positions);
  if (!positions.ok()) return positions.status();
  return x + positions->view({1, grid.height, grid.width, -1});
}

}  // namespace strata::models
