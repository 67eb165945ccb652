#include "models/htsat/htsat_weights.h"

#include <utility>

#include "absl/strings/match.h"

namespace strata::models {

HtsatWeights InitialHtsatWeights(const HtsatConfig& config) {
  const auto matrix = [](at::IntArrayRef shape) { return at::normal(0.0, 0.02, shape); };
  const int64_t dim = config.swin.embed_dim, hidden = config.hidden_size();
  const int64_t classes = config.classes_num;
  HtsatWeights weights;
  weights.bn0 = InitialBatchNorm(config.mel.num_mels);
  weights.patch_weight = matrix({dim, 1, config.patch_size, config.patch_size});
  weights.patch_bias = at::zeros({dim});
  weights.patch_norm = {at::ones({dim}), at::zeros({dim})};
  if (config.absolute_positions) {
    weights.absolute_pos_embed = matrix({1, config.grid(0) * config.grid(1), dim});
  }
  weights.stages = InitialSwinStages(config.swin);
  weights.norm = {at::ones({hidden}), at::zeros({hidden})};
  if (config.enable_tscam) {
    weights.tscam_weight = matrix({classes, hidden, config.last_grid(0) / config.image.ratio(), 3});
    weights.tscam_bias = at::zeros({classes});
  } else {
    weights.head = {matrix({classes, hidden}), at::zeros({classes})};
  }
  return weights;
}

std::vector<WeightEntry> HtsatWeightTable(const HtsatConfig& config, const std::string& prefix,
                                          HtsatWeights& weights) {
  const int64_t dim = config.swin.embed_dim, hidden = config.hidden_size();
  const int64_t classes = config.classes_num;
  std::vector<WeightEntry> table;
  const auto add = [&](const std::string& key, at::Tensor& tensor, std::vector<int64_t> shape) {
    table.push_back({prefix + key, &tensor, 0, std::move(shape)});
  };
  AddBatchNorm(prefix + "bn0", weights.bn0, config.mel.num_mels, table);
  add("patch_embed.proj.weight", weights.patch_weight,
      {dim, 1, config.patch_size, config.patch_size});
  add("patch_embed.proj.bias", weights.patch_bias, {dim});
  add("patch_embed.norm.weight", weights.patch_norm.weight, {dim});
  add("patch_embed.norm.bias", weights.patch_norm.bias, {dim});
  if (config.absolute_positions) {
    add("absolute_pos_embed", weights.absolute_pos_embed,
        {1, config.grid(0) * config.grid(1), dim});
  }
  AddSwinWeights(config.swin, prefix, weights.stages, table);
  add("norm.weight", weights.norm.weight, {hidden});
  add("norm.bias", weights.norm.bias, {hidden});
  if (config.enable_tscam) {
    add("tscam_conv.weight", weights.tscam_weight,
        {classes, hidden, config.last_grid(0) / config.image.ratio(), 3});
    add("tscam_conv.bias", weights.tscam_bias, {classes});
  } else {
    add("head.weight", weights.head.weight, {classes, hidden});
    add("head.bias", weights.head.bias, {classes});
  }
  return table;
}

bool IsIgnoredHtsatKey(const HtsatConfig& config, const std::string& key) {
  if (absl::StartsWith(key, "spectrogram_extractor.") ||
      absl::StartsWith(key, "logmel_extractor.") || IsBatchCounterKey(key) ||
      IsDerivedSwinKey(key)) {
    return true;
  }
  return config.enable_tscam && absl::StartsWith(key, "head.");
}

}  // namespace strata::models
