#include "models/swin/swin_weights.h"

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace strata::models {
namespace {

constexpr char kPrefix[] = "swin.";

// The names that transformers writes since version 5, as it wrote them before.
std::string OldTransformersKey(const std::string& key) {
  return absl::StrReplaceAll(key,
                             {{".attention.q_proj.", ".attention.self.query."},
                              {".attention.k_proj.", ".attention.self.key."},
                              {".attention.v_proj.", ".attention.self.value."},
                              {".attention.o_proj.", ".attention.output.dense."},
                              {".attention.relative_position_bias.relative_position_bias_table",
                               ".attention.self.relative_position_bias_table"},
                              {".mlp.fc1.", ".intermediate.dense."},
                              {".mlp.fc2.", ".output.dense."}});
}

// The authors' files have the merging behind a stage, timm's in front of the next one.
std::string TimmKey(const std::string& key) {
  if (key == "head.weight" || key == "head.bias") {
    return absl::StrCat("head.fc.", key.substr(5));
  }
  std::vector<std::string> parts = absl::StrSplit(key, absl::MaxSplits('.', 2));
  int32_t stage = 0;
  if (parts.size() == 3 && parts[0] == "layers" && absl::StartsWith(parts[2], "downsample.") &&
      absl::SimpleAtoi(parts[1], &stage)) {
    return absl::StrCat("layers.", stage + 1, ".", parts[2]);
  }
  return key;
}

TensorMap WithKnownNames(const TensorMap& checkpoint, bool timm) {
  const bool authors = timm && checkpoint.contains("layers.0.downsample.reduction.weight");
  TensorMap renamed;
  for (const auto& [key, view] : checkpoint) {
    if (timm && !authors) {
      renamed[key] = view;
    } else {
      renamed[authors ? TimmKey(key) : OldTransformersKey(key)] = view;
    }
  }
  return renamed;
}

// Can be derived, or belongs to training (masked image modelling).
bool IsIgnored(const std::string& key) {
  return IsDerivedSwinKey(key) || absl::StartsWith(key, "decoder.");
}

}  // namespace

SwinWeights InitialSwinWeights(const SwinConfig& config, int64_t num_classes) {
  const int64_t c = config.spec.embed_dim;
  const int64_t last = config.spec.channels(config.spec.num_stages() - 1);
  SwinWeights weights;
  weights.patch = {at::empty({c, config.num_channels, config.patch.height, config.patch.width}),
                   at::zeros({c})};
  weights.patch_norm = {at::ones({c}), at::zeros({c})};
  if (config.use_absolute_embeddings) {
    weights.positions = at::zeros({1, config.Patches(config.image).area(), c});
  }
  weights.stages = InitialSwinStages(config.spec);
  weights.norm = {at::ones({last}), at::zeros({last})};
  weights.head = {at::normal(0.0, 0.02, {num_classes, last}), at::zeros({num_classes})};
  const auto by_fan_in = [](at::Tensor& matrix) {
    matrix.normal_(0, 1 / std::sqrt(static_cast<double>(matrix[0].numel())));
  };
  by_fan_in(weights.patch.weight);
  for (SwinStage& stage : weights.stages) {
    for (SwinBlock& block : stage.blocks) {
      by_fan_in(block.layer.qkv.weight);
      by_fan_in(block.layer.attention_out.weight);
      by_fan_in(block.layer.feed_forward_in.weight);
      by_fan_in(block.layer.feed_forward_out.weight);
    }
    if (stage.merging.reduction.weight.defined()) by_fan_in(stage.merging.reduction.weight);
  }
  return weights;
}

std::vector<WeightEntry> SwinWeightTable(const SwinConfig& config, SwinWeights& weights) {
  std::vector<WeightEntry> table;
  const std::string top = kPrefix;
  const auto add = [&](const std::string& key, at::Tensor& tensor) {
    table.push_back({key, &tensor, 0, tensor.sizes().vec()});
  };
  add(top + "embeddings.patch_embeddings.projection.weight", weights.patch.weight);
  add(top + "embeddings.patch_embeddings.projection.bias", weights.patch.bias);
  add(top + "embeddings.norm.weight", weights.patch_norm.weight);
  add(top + "embeddings.norm.bias", weights.patch_norm.bias);
  if (weights.positions.defined()) {
    add(top + "embeddings.position_embeddings", weights.positions);
  }
  AddSwinWeights(config.spec, top + "encoder.", weights.stages, table);
  add(top + "layernorm.weight", weights.norm.weight);
  add(top + "layernorm.bias", weights.norm.bias);
  add("classifier.weight", weights.head.weight);
  add("classifier.bias", weights.head.bias);
  return table;
}

absl::StatusOr<SwinWeights> LoadSwinWeights(const SwinConfig& config, const TensorMap& checkpoint,
                                            const std::string& where) {
  const bool timm = config.is_timm();
  const TensorMap known = WithKnownNames(checkpoint, timm);
  const bool prefixed = known.contains("swin.embeddings.patch_embeddings.projection.weight");
  const std::string top = prefixed ? kPrefix : "";
  WeightBinder binder(known, "");
  SwinWeights weights;
  const int64_t c = config.spec.embed_dim;
  const std::string embeddings = timm ? "patch_embed." : top + "embeddings.";
  const std::string patch = embeddings + (timm ? "proj" : "patch_embeddings.projection");
  binder.Tensor(weights.patch.weight, patch + ".weight",
                {c, config.num_channels, config.patch.height, config.patch.width});
  binder.Tensor(weights.patch.bias, patch + ".bias", {c});
  binder.Norm(weights.patch_norm, embeddings + "norm", c);
  if (!timm && config.use_absolute_embeddings) {
    const int64_t patches =  // transformers counts whole ones only
        config.image.height / config.patch.height * (config.image.width / config.patch.width);
    binder.Tensor(weights.positions, embeddings + "position_embeddings", {1, patches, c});
  }
  if (!timm && binder.Has(embeddings + "mask_token")) {
    binder.Tensor(weights.hidden_patch, embeddings + "mask_token", {1, 1, c});
  }
  weights.stages = EmptySwinStages(config.spec);
  AddSwinWeights(config.spec, timm ? "" : top + "encoder.", weights.stages, binder.table());
  const int64_t last = config.spec.channels(config.spec.num_stages() - 1);
  binder.Norm(weights.norm, timm ? "norm" : top + "layernorm", last);
  const std::string head = timm ? "head.fc" : "classifier";
  if (binder.Has(head + ".weight")) {
    binder.Linear(weights.head, head, binder.SizeOf(head + ".weight", 0), last);
  }
  if (absl::Status status = binder.Load(IsIgnored, where); !status.ok()) return status;
  return weights;
}

}  // namespace strata::models
