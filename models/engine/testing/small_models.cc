#include "models/engine/testing/small_models.h"

#include <ATen/ATen.h>

#include <cmath>
#include <fstream>
#include <string>

#include "models/checkpoint/safetensors.h"
#include "models/clap/clap_audio_weights.h"
#include "models/htsat/htsat_weights.h"
#include "models/layers/swin_trunk.h"
#include "models/layers/tensor_bridge.h"

namespace strata::models::testing {
namespace {

constexpr char kHtsatConfig[] = R"({
  "model_type": "htsat", "classes_num": 3, "sample_rate": 8000, "window_size": 256, "hop_size": 80,
  "mel_bins": 8, "fmin": 50, "fmax": 4000, "htsat_spec_size": 16, "htsat_patch_size": 4,
  "htsat_stride": [4, 4], "htsat_window_size": 2, "htsat_dim": 8, "htsat_depth": [1, 1],
  "htsat_num_head": [2, 2], "id2label": {"0": "dog", "1": "rain", "2": "bell"}})";

constexpr char kClapConfig[] = R"({
  "model_type": "clap_audio_model", "architectures": ["ClapAudioModelWithProjection"],
  "depths": [1, 1], "num_attention_heads": [2, 2], "hidden_size": 16,
  "patch_embeds_hidden_size": 8, "num_mel_bins": 8, "spec_size": 16, "patch_size": 4,
  "patch_stride": [4, 4], "window_size": 2, "enable_fusion": false,
  "enable_patch_layer_norm": true, "projection_dim": 12})";

constexpr char kClapFeatures[] = R"({
  "feature_extractor_type": "ClapFeatureExtractor", "feature_size": 8, "fft_window_size": 256,
  "hop_length": 258, "sampling_rate": 8000, "max_length_s": 1, "nb_max_samples": 8000,
  "nb_frequency_bins": 129, "frequency_min": 50, "frequency_max": 4000,
  "truncation": "rand_trunc", "padding": "repeatpad"})";

void Write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

absl::Status WriteWeights(const std::filesystem::path& folder, const TensorMap& weights) {
  return WriteSafetensors((folder / "model.safetensors").string(), weights);
}

}  // namespace

absl::Status WriteSmallSwin(const std::filesystem::path& folder) {
  Write(folder / "config.json",
        R"({"model_type": "swin", "architectures": ["SwinForImageClassification"],
      "image_size": 32, "embed_dim": 8, "depths": [2, 1], "num_heads": [1, 2], "window_size": 4,
      "id2label": {"0": "cat", "1": "dog", "2": "owl"}})");
  Write(folder / "preprocessor_config.json", R"({"image_processor_type": "ViTImageProcessor",
      "size": {"height": 32, "width": 32}, "resample": 3})");
  at::manual_seed(4);
  TensorMap weights;
  const auto add = [&](const std::string& key, at::IntArrayRef shape) {
    weights[key] = ToView(at::randn(shape), TensorType::kFloat32);
  };
  SwinSpec spec;
  spec.flavor = SwinFlavor::kTransformers;
  spec.embed_dim = 8;
  spec.depths = {2, 1};
  spec.num_heads = {1, 2};
  spec.window = 4;
  spec.grid_height = spec.grid_width = 8;
  std::vector<SwinStage> stages = EmptySwinStages(spec);
  std::vector<WeightEntry> table;
  AddSwinWeights(spec, "swin.encoder.", stages, table);
  for (const WeightEntry& entry : table) add(entry.key, entry.shape);
  add("swin.embeddings.patch_embeddings.projection.weight", {8, 3, 4, 4});
  for (const char* key : {"swin.embeddings.patch_embeddings.projection.bias",
                          "swin.embeddings.norm.weight", "swin.embeddings.norm.bias"}) {
    add(key, {8});
  }
  add("swin.layernorm.weight", {16});
  add("swin.layernorm.bias", {16});
  add("classifier.weight", {3, 16});
  add("classifier.bias", {3});
  return WriteWeights(folder, weights);
}

absl::Status WriteSmallHtsat(const std::filesystem::path& folder) {
  Write(folder / "config.json", kHtsatConfig);
  auto config = ParseHtsatConfig(kHtsatConfig, "config.json");
  if (!config.ok()) return config.status();
  at::manual_seed(11);
  HtsatWeights weights = InitialHtsatWeights(*config);
  weights.bn0.mean.fill_(-30);
  weights.bn0.variance.fill_(100);
  weights.tscam_weight.normal_(0, 2);
  return WriteWeights(folder,
                      SaveWeights(HtsatWeightTable(*config, "", weights), TensorType::kFloat32));
}

absl::Status WriteSmallClap(const std::filesystem::path& folder) {
  Write(folder / "config.json", kClapConfig);
  Write(folder / "preprocessor_config.json", kClapFeatures);
  auto config = ParseClapAudioConfig(kClapConfig, "config.json");
  if (!config.ok()) return config.status();
  at::manual_seed(7);
  ClapAudioWeights weights = InitialClapAudioWeights(*config);
  weights.projection_in.weight.normal_(0, 1);
  weights.projection_out.weight.normal_(0, 1);
  return WriteWeights(folder, SaveWeights(ClapAudioWeightTable(*config, /*has_projection=*/true,
                                                               kClapAudioPrefix, weights),
                                          TensorType::kFloat32));
}

std::vector<float> SoundWithPauses(double seconds) {
  std::vector<float> samples;
  for (int64_t i = 0; i < static_cast<int64_t>(seconds * 8000); ++i) {
    const double t = static_cast<double>(i) / 8000;
    const double loud = std::fmod(t, 1.3) < 0.8 ? 0.5 : 0.001;
    samples.push_back(static_cast<float>(loud * std::sin(2 * 3.14159 * (300 + 150 * t) * t)));
  }
  return samples;
}

}  // namespace strata::models::testing
