// With x the patches of the whole sound and y those of its three stretches side by side (fusion):
//
//   a = x + y        w = sigmoid(local(a) + global(a))        2·x·w + 2·y·(1 − w)
//
// local: 1×1 convolution, BatchNorm, ReLU, 1×1 convolution, BatchNorm; global the same of a's mean.
// Then LN(Swin(LN(patches))), pooled = its mean, embedding = W2·act(W1·pooled).
#include "models/clap/clap_audio.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

constexpr double kEpsilon =
    1e-5;  // of the patches' and the last norm, whatever layer_norm_eps says

at::Tensor Convolve(const Linear& kernel, const at::Tensor& x) {
  return at::conv2d(x, kernel.weight, kernel.bias);
}

// x [B, C, h, w] → the same shape.
at::Tensor Attend(const ClapFusionAttention& attention, const at::Tensor& x) {
  const at::Tensor inner =
      at::relu(NormalizeChannels(attention.inner_norm, Convolve(attention.inner, x)));
  return NormalizeChannels(attention.outer_norm, Convolve(attention.outer, inner));
}

}  // namespace

absl::StatusOr<ClapAudio> ClapAudio::Load(const ClapAudioConfig& config,
                                          const TensorMap& checkpoint, const std::string& where) {
  const std::string prefix =
      checkpoint.contains("audio_encoder.norm.weight") ? "audio_encoder." : kClapAudioPrefix;
  const bool has_projection = checkpoint.contains("audio_projection.linear1.weight");
  ClapAudioWeights weights;
  weights.stages = EmptySwinStages(config.swin);
  absl::Status status =
      LoadNewWeights(ClapAudioWeightTable(config, has_projection, prefix, weights), checkpoint,
                     IsIgnoredClapAudioKey, where);
  if (!status.ok()) return status;
  return ClapAudio(config, has_projection, std::move(weights));
}

absl::StatusOr<ClapAudioOutput> ClapAudio::Forward(const at::Tensor& features,
                                                   const std::vector<bool>& is_longer,
                                                   const ClapAudioForwardOptions& options) const {
  const int64_t planes = config_.enable_fusion ? 4 : 1;
  if (features.size(1) != planes || features.size(3) != config_.image.num_mels ||
      static_cast<int64_t>(is_longer.size()) != features.size(0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "features of ", features.size(1), " planes and ", features.size(3),
        " mel bands, the model takes ", planes, " and ", config_.image.num_mels,
        "; do truncation and feature_size in preprocessor_config.json fit config.json?"));
  }
  auto stretched = StretchSpectrogram(config_.image, NormalizeLast(weights_.batch_norm, features));
  if (!stretched.ok()) return stretched.status();
  const at::Tensor images = FoldSpectrogram(config_.image, *stretched);
  if (options.folded_image != nullptr) *options.folded_image = images;
  at::Tensor x = EmbedPatches(images, is_longer).permute({0, 2, 3, 1});
  if (config_.patch_norm) x = Normalize(weights_.patch_norm, NormKind::kLayerNorm, kEpsilon, x);
  ClapAudioOutput output;
  output.patch_embeddings = x.flatten(1, 2);
  SwinForwardOptions swin;
  swin.cancelled = options.cancelled;
  auto tokens = RunSwinStages(config_.swin, weights_.stages, x, swin);
  if (!tokens.ok()) return tokens.status();
  output.last_hidden_state = TokensInTime(
      config_.image, Normalize(weights_.norm, NormKind::kLayerNorm, kEpsilon, *tokens));
  output.pooled = output.last_hidden_state.mean({2, 3});
  if (has_projection_) {
    output.embedding = Apply(
        weights_.projection_out,
        Activate(Apply(weights_.projection_in, output.pooled), config_.projection_activation));
  }
  return output;
}

// images [B, planes, S, S] → [B, C0, h, w].
at::Tensor ClapAudio::EmbedPatches(const at::Tensor& images,
                                   const std::vector<bool>& is_longer) const {
  const std::array<int64_t, 2> stride = {config_.patch_stride[0], config_.patch_stride[1]};
  const std::array<int64_t, 2> padding = {config_.patch_padding(0), config_.patch_padding(1)};
  at::Tensor whole = at::conv2d(images.narrow(1, 0, 1), weights_.patch.weight, weights_.patch.bias,
                                at::IntArrayRef(stride), at::IntArrayRef(padding));
  std::vector<int64_t> longer;
  for (size_t i = 0; i < is_longer.size(); ++i) {
    if (is_longer[i]) longer.push_back(static_cast<int64_t>(i));
  }
  if (!config_.enable_fusion || longer.empty()) return whole;

  const at::Tensor rows = at::tensor(longer, at::kLong);
  const at::Tensor stretches = images.index_select(0, rows).narrow(1, 1, 3);
  const std::array<int64_t, 2> wide_stride = {stride[0], 3 * stride[1]};
  const at::Tensor wide = at::conv2d(
      stretches.reshape({-1, 1, stretches.size(2), stretches.size(3)}), weights_.wide_patch.weight,
      weights_.wide_patch.bias, at::IntArrayRef(wide_stride), at::IntArrayRef(padding));
  const int64_t clips = rows.size(0), channels = wide.size(1);
  const at::Tensor side_by_side = wide.view({clips, 3, channels, wide.size(2), wide.size(3)})
                                      .permute({0, 2, 3, 1, 4})
                                      .reshape({clips, channels, wide.size(2), 3 * wide.size(3)});
  const at::Tensor local =
      at::constant_pad_nd(side_by_side, {0, whole.size(3) - side_by_side.size(3)});
  return at::index_copy(whole, 0, rows, Fuse(whole.index_select(0, rows), local));
}

at::Tensor ClapAudio::Fuse(const at::Tensor& whole, const at::Tensor& stretches) const {
  const at::Tensor sum = whole + stretches;
  const at::Tensor weight =
      at::sigmoid(Attend(weights_.local_attention, sum) +
                  Attend(weights_.global_attention, sum.mean({2, 3}, /*keepdim=*/true)));
  return 2 * whole * weight + 2 * stretches * (1 - weight);
}

}  // namespace strata::models
