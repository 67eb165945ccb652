#include "models/clap/clap_audio_weights.h"

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

Linear InitialLinear(int64_t out, at::IntArrayRef in) {
  std::vector<int64_t> shape = {out};
  shape.insert(shape.end(), in.begin(), in.end());
  return {at::normal(0.0, 0.02, shape), at::zeros({out})};
}

ClapFusionAttention InitialFusionAttention(int64_t channels, int64_t inner) {
  return {InitialLinear(inner, {channels, 1, 1}), InitialLinear(channels, {inner, 1, 1}),
          InitialBatchNorm(inner), InitialBatchNorm(channels)};
}

}  // namespace

ClapAudioWeights InitialClapAudioWeights(const ClapAudioConfig& config) {
  const int64_t dim = config.swin.embed_dim, hidden = config.hidden_size();
  ClapAudioWeights weights;
  weights.batch_norm = InitialBatchNorm(config.image.num_mels);
  weights.patch = InitialLinear(dim, {1, config.patch_size[0], config.patch_size[1]});
  weights.patch_norm = {at::ones({dim}), at::zeros({dim})};
  if (config.enable_fusion) {
    weights.wide_patch = InitialLinear(dim, {1, config.patch_size[0], 3 * config.patch_size[1]});
    weights.local_attention = InitialFusionAttention(dim, dim / config.fusion_reduction);
    weights.global_attention = InitialFusionAttention(dim, dim / config.fusion_reduction);
  }
  weights.stages = InitialSwinStages(config.swin);
  weights.norm = {at::ones({hidden}), at::zeros({hidden})};
  weights.projection_in = InitialLinear(config.projection_dim, {hidden});
  weights.projection_out = InitialLinear(config.projection_dim, {config.projection_dim});
  return weights;
}

std::vector<WeightEntry> ClapAudioWeightTable(const ClapAudioConfig& config, bool has_projection,
                                              const std::string& prefix,
                                              ClapAudioWeights& weights) {
  const int64_t dim = config.swin.embed_dim, hidden = config.hidden_size();
  const int64_t height = config.patch_size[0], width = config.patch_size[1];
  std::vector<WeightEntry> table;
  const auto add = [&](const std::string& key, at::Tensor& tensor, std::vector<int64_t> shape) {
    table.push_back({key, &tensor, 0, std::move(shape)});
  };
  const auto add_linear = [&](const std::string& key, Linear& linear, std::vector<int64_t> shape) {
    add(key + ".bias", linear.bias, {shape[0]});
    add(key + ".weight", linear.weight, std::move(shape));
  };
  // `places` of its layers in the reference's list.
  const auto add_fusion = [&](const std::string& key, const std::array<int, 4>& places,
                              ClapFusionAttention& attention) {
    const int64_t inner = dim / config.fusion_reduction;
    const auto layer = [&](size_t i) { return absl::StrCat(key, places[i]); };
    add_linear(layer(0), attention.inner, {inner, dim, 1, 1});
    AddBatchNorm(layer(1), attention.inner_norm, inner, table);
    add_linear(layer(2), attention.outer, {dim, inner, 1, 1});
    AddBatchNorm(layer(3), attention.outer_norm, dim, table);
  };
  AddBatchNorm(prefix + "batch_norm", weights.batch_norm, config.image.num_mels, table);
  const std::string patch = prefix + "patch_embed.";
  add_linear(patch + "proj", weights.patch, {dim, 1, height, width});
  if (config.patch_norm) {
    add(patch + "norm.weight", weights.patch_norm.weight, {dim});
    add(patch + "norm.bias", weights.patch_norm.bias, {dim});
  }
  if (config.enable_fusion) {
    add_linear(patch + "mel_conv2d", weights.wide_patch, {dim, 1, height, 3 * width});
    add_fusion(patch + "fusion_model.local_att.", {0, 1, 3, 4}, weights.local_attention);
    // The global one begins with a mean.
    add_fusion(patch + "fusion_model.global_att.", {1, 2, 4, 5}, weights.global_attention);
  }
  AddSwinWeights(config.swin, prefix, weights.stages, table);
  add(prefix + "norm.weight", weights.norm.weight, {hidden});
  add(prefix + "norm.bias", weights.norm.bias, {hidden});
  if (has_projection) {
    const int64_t projection = config.projection_dim;
    add_linear("audio_projection.linear1", weights.projection_in, {projection, hidden});
    add_linear("audio_projection.linear2", weights.projection_out, {projection, projection});
  }
  return table;
}

bool IsIgnoredClapAudioKey(const std::string& key) {
  return IsBatchCounterKey(key) || IsDerivedSwinKey(key) || absl::StartsWith(key, "text_") ||
         absl::StartsWith(key, "logit_scale");
}

}  // namespace strata::models
