#include "models/clap/clap_audio_weights.h"

#include "absl/strings/match.h"

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
  std::vector<WeightEntry> table;
  const auto add = [&](const std::string& key, at::Tensor& tensor) {
    table.push_back({key, &tensor, 0, tensor.sizes().vec()});
  };
  const auto add_linear = [&](const std::string& key, Linear& linear) {
    add(key + ".weight", linear.weight);
    add(key + ".bias", linear.bias);
  };
  AddBatchNorm(prefix + "batch_norm", weights.batch_norm, table);
  const std::string patch = prefix + "patch_embed.";
  add_linear(patch + "proj", weights.patch);
  if (config.patch_norm) {
    add(patch + "norm.weight", weights.patch_norm.weight);
    add(patch + "norm.bias", weights.patch_norm.bias);
  }
  if (config.enable_fusion) {
    add_linear(patch + "mel_conv2d", weights.wide_patch);
    // Places in the reference's lists of layers; the global one begins with a mean.
    const std::string local = patch + "fusion_model.local_att.";
    add_linear(local + "0", weights.local_attention.inner);
    AddBatchNorm(local + "1", weights.local_attention.inner_norm, table);
    add_linear(local + "3", weights.local_attention.outer);
    AddBatchNorm(local + "4", weights.local_attention.outer_norm, table);
    const std::string global = patch + "fusion_model.global_att.";
    add_linear(global + "1", weights.global_attention.inner);
    AddBatchNorm(global + "2", weights.global_attention.inner_norm, table);
    add_linear(global + "4", weights.global_attention.outer);
    AddBatchNorm(global + "5", weights.global_attention.outer_norm, table);
  }
  AddSwinWeights(config.swin, prefix, weights.stages, table);
  add(prefix + "norm.weight", weights.norm.weight);
  add(prefix + "norm.bias", weights.norm.bias);
  if (has_projection) {
    add_linear("audio_projection.linear1", weights.projection_in);
    add_linear("audio_projection.linear2", weights.projection_out);
  }
  return table;
}

bool IsIgnoredClapAudioKey(const std::string& key) {
  return IsBatchCounterKey(key) || IsDerivedSwinKey(key) || absl::StartsWith(key, "text_") ||
         absl::StartsWith(key, "logit_scale");
}

}  // namespace strata::models
