// A MaxViT or a Swin that is trained on labelled images.
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/maxvit/maxvit.h"
#include "models/media/image_processor.h"
#include "models/media/image_reader.h"
#include "models/swin/swin.h"
#include "models/train/file_trainee.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using Json = nlohmann::ordered_json;

// As preprocessor_config.json of the folder that is written says.
ImageProcessor ProcessorOf(const TrainMediaArchitecture& media) {
  ImageProcessor processor;
  processor.height = processor.width = media.size;
  processor.mean = processor.std = {0.5, 0.5, 0.5};
  return processor;
}

// The weights' table is made anew for every use: it points into the network.
struct Network {
  std::unique_ptr<ImageEncoder> encoder;
  std::function<std::vector<WeightEntry>()> table;
};

std::string SwinConfigJson(const TrainMediaArchitecture& media,
                           const std::vector<std::string>& labels) {
  Json config;
  config["architectures"] = {"SwinForImageClassification"};
  config["model_type"] = "swin";
  config["image_size"] = media.size;
  config["patch_size"] = media.patch;
  config["num_channels"] = 3;
  config["embed_dim"] = media.dim;
  config["depths"] = media.depths;
  config["num_heads"] = media.heads;
  config["window_size"] = media.window;
  config["mlp_ratio"] = 4.0;
  config["hidden_act"] = "gelu";
  config["layer_norm_eps"] = 1e-5;
  config["qkv_bias"] = true;
  config["use_absolute_embeddings"] = false;
  for (size_t k = 0; k < labels.size(); ++k) {
    config["id2label"][std::to_string(k)] = labels[k];
    config["label2id"][labels[k]] = k;
  }
  return config.dump(2) + "\n";
}

// timm's; a stem of half as many channels as the first stage, for it works on the largest map.
std::string MaxVitConfigJson(const TrainMediaArchitecture& media,
                             const std::vector<std::string>& labels) {
  Json config;
  config["architecture"] = absl::StrCat("maxvit_pico_rw_", media.size);
  config["num_classes"] = labels.size();
  std::vector<int64_t> channels;
  for (size_t i = 0; i < media.depths.size() && i < 16; ++i) {
    channels.push_back(static_cast<int64_t>(media.dim) << i);
  }
  Json& model = config["model_args"];
  model["img_size"] = media.size;
  model["embed_dim"] = channels;
  model["depths"] = media.depths;
  model["stem_width"] = {std::max(8, media.dim / 2), std::max(8, media.dim / 2)};
  model["transformer_window_size"] = media.window;
  model["transformer_grid_size"] = media.window;
  model["transformer_dim_head"] = media.dim / media.heads[0];
  model["transformer_head_first"] = false;
  config["label_names"] = labels;
  return config.dump(2) + "\n";
}

absl::StatusOr<Network> MakeSwin(const std::string& config_json, int64_t num_classes) {
  auto config = ParseSwinConfig(config_json, "options");
  if (!config.ok()) return config.status();
  SwinWeights weights = InitialSwinWeights(*config, num_classes);
  auto model = std::make_unique<Swin>(*std::move(config), std::move(weights));
  Swin* const swin = model.get();
  return Network{std::move(model), [swin] { return swin->TrainingTable(); }};
}

absl::StatusOr<Network> MakeMaxVit(const std::string& config_json, int64_t num_classes) {
  auto config = ParseMaxVitConfig(config_json, "options");
  if (!config.ok()) return config.status();
  auto weights = InitialMaxVitWeights(*config, num_classes);
  if (!weights.ok()) return weights.status();
  auto model = std::make_unique<MaxVit>(*std::move(config), *std::move(weights));
  MaxVit* const maxvit = model.get();
  return Network{std::move(model), [maxvit] { return maxvit->TrainingTable(); }};
}

// Networks that can be trained, by the option's name.
struct KnownNetwork {
  const char* name;
  std::string (*config_json)(const TrainMediaArchitecture&, const std::vector<std::string>&);
  absl::StatusOr<Network> (*make)(const std::string&, int64_t);
};
constexpr KnownNetwork kNetworks[] = {{"maxvit", MaxVitConfigJson, MakeMaxVit},
                                      {"swin", SwinConfigJson, MakeSwin}};

class ImageTrainee : public FileTrainee {
 public:
  ImageTrainee(const TrainOptions& options, TrainRun& run)
      : FileTrainee(options, run), processor_(ProcessorOf(options.media)) {
    for (const KnownNetwork& known : kNetworks) {
      if (options.media.network == known.name) known_ = &known;
    }
  }

  std::vector<WeightEntry> Table() override { return network_.table(); }

 protected:
  absl::Status Check() override;
  absl::Status Read(const std::string& bytes, const std::string& name, bool held_out) override;
  absl::Status Build() override;
  absl::StatusOr<Batch> Forward(absl::Span<const size_t> items, const at::Tensor& targets,
                                std::mt19937_64& random) override;
  absl::StatusOr<at::Tensor> LogProbabilities(size_t begin, size_t end) override;
  std::vector<std::pair<const char*, std::string>> FolderFiles() override;

 private:
  at::Tensor Augmented(const at::Tensor& pixels, std::mt19937_64& random) const;

  const ImageProcessor processor_;
  std::vector<at::Tensor> train_, held_out_;  // [3, S, S] float32, normalised
  const KnownNetwork* known_ = nullptr;
  Network network_;
};

absl::Status ImageTrainee::Check() {
  const TrainMediaArchitecture& media = options_.media;
  if (known_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("network '", media.network, "' is none of maxvit, swin"));
  }
  if (media.patch_overlap != 0) {
    return absl::InvalidArgumentError(
        "patch_overlap is of sounds; an image's patches share nothing");
  }
  if (media.heads.size() != media.depths.size()) {
    return absl::InvalidArgumentError("heads must be as many as depths, one for each stage");
  }
  if (media.heads.empty() || media.heads[0] < 1 || media.dim % media.heads[0] != 0) {
    return absl::InvalidArgumentError(absl::StrCat(media.heads.empty() ? 0 : media.heads[0],
                                                   " heads do not divide ", media.dim,
                                                   " channels; set heads and dim"));
  }
  for (size_t i = 1; i < media.heads.size() && media.network == "maxvit"; ++i) {
    if (media.heads[i] != media.heads[i - 1] * 2) {
      return absl::InvalidArgumentError(
          "heads must double from stage to stage: those of a MaxViT are of one size");
    }
  }
  return absl::OkStatus();
}

absl::Status ImageTrainee::Read(const std::string& bytes, const std::string& name, bool held_out) {
  ImageReadOptions options;
  options.name = name;
  auto image = ReadImage(bytes, options);
  if (!image.ok()) return image.status();
  auto resized = ResizeAndCrop(*image, processor_);
  if (!resized.ok()) return resized.status();
  at::Tensor pixels = at::empty({3, resized->height, resized->width});
  Normalize(*resized, processor_, pixels.mutable_data_ptr<float>());
  (held_out ? held_out_ : train_).push_back(pixels);
  return absl::OkStatus();
}

std::vector<std::pair<const char*, std::string>> ImageTrainee::FolderFiles() {
  Json processor;
  processor["image_processor_type"] = "ViTImageProcessor";
  processor["do_resize"] = true;
  processor["size"] = {{"height", options_.media.size}, {"width", options_.media.size}};
  processor["resample"] = 3;
  processor["do_rescale"] = true;
  processor["rescale_factor"] = 1.0 / 255;
  processor["do_normalize"] = true;
  processor["image_mean"] = {0.5, 0.5, 0.5};
  processor["image_std"] = {0.5, 0.5, 0.5};
  return {{"config.json", known_->config_json(options_.media, labels_)},
          {"preprocessor_config.json", processor.dump(2) + "\n"}};
}

absl::Status ImageTrainee::Build() {
  auto network = known_->make(known_->config_json(options_.media, labels_),
                              static_cast<int64_t>(labels_.size()));
  if (!network.ok()) return network.status();
  network_ = *std::move(network);
  return network_.encoder->CheckSize(options_.media.size, options_.media.size);
}

absl::StatusOr<FileTrainee::Batch> ImageTrainee::Forward(absl::Span<const size_t> items,
                                                         const at::Tensor& targets,
                                                         std::mt19937_64& random) {
  std::vector<at::Tensor> images;
  for (const size_t item : items) images.push_back(train_[item]);
  at::Tensor pixels = at::stack(images), wanted = targets;
  {
    const at::NoGradGuard no_grad;
    pixels = Augmented(pixels, random);
    if (Uniform(random) < options_.recipe.mixup) {
      const double share = Uniform(random, 0.5, 1);
      pixels = share * pixels + (1 - share) * pixels.roll(1, 0);
      wanted = share * wanted + (1 - share) * wanted.roll(1, 0);
    }
  }
  auto features = network_.encoder->Forward(pixels, {});
  if (!features.ok()) return features.status();
  return Batch{features->logits, wanted};
}

// Turned, scaled, stretched and shifted, mirrored if that is wanted; lighter or darker, of another
// tint; sometimes with a part covered.
at::Tensor ImageTrainee::Augmented(const at::Tensor& pixels, std::mt19937_64& random) const {
  const double much = options_.recipe.augment;
  const int64_t batch = pixels.size(0), side = pixels.size(2);
  at::Tensor maps = at::zeros({batch, 2, 3}), gains = at::ones({batch, 3, 1, 1});
  at::Tensor offsets = at::zeros({batch, 3, 1, 1}), uncovered = at::ones({batch, 1, side, side});
  for (int64_t b = 0; b < batch; ++b) {
    const double turn = much * Uniform(random, -0.25, 0.25);  // radians
    const double scale = std::exp(much * Uniform(random, -0.2, 0.2));
    const double stretch = std::exp(much * Uniform(random, -0.12, 0.12));
    const bool mirrored = options_.recipe.mirror && Uniform(random) < 0.5;
    const double x = scale * stretch * (mirrored ? -1 : 1), y = scale / stretch;
    maps[b][0][0] = x * std::cos(turn);
    maps[b][0][1] = -y * std::sin(turn);
    maps[b][1][0] = x * std::sin(turn);
    maps[b][1][1] = y * std::cos(turn);
    maps[b][0][2] = much * Uniform(random, -0.15, 0.15);
    maps[b][1][2] = much * Uniform(random, -0.15, 0.15);
    const double light = much * Uniform(random, -0.3, 0.3);
    const double contrast = std::exp(much * Uniform(random, -0.3, 0.3));
    for (int64_t c = 0; c < 3; ++c) {
      gains[b][c] = contrast * std::exp(much * Uniform(random, -0.08, 0.08));
      offsets[b][c] = light + much * Uniform(random, -0.08, 0.08);
    }
    if (Uniform(random) >= 0.3 * much) continue;
    const auto part = [&] { return 1 + static_cast<int64_t>(Uniform(random) * side / 3); };
    const int64_t height = part(), width = part();
    const auto top = static_cast<int64_t>(Uniform(random) * static_cast<double>(side - height));
    const auto left = static_cast<int64_t>(Uniform(random) * static_cast<double>(side - width));
    uncovered[b].narrow(1, top, height).narrow(2, left, width).fill_(0);
  }
  const at::Tensor grid = at::affine_grid_generator(maps, pixels.sizes(), false);
  constexpr int64_t kBilinear = 0, kReflection = 2;
  return (at::grid_sampler(pixels, grid, kBilinear, kReflection, false) * gains + offsets) *
         uncovered;
}

absl::StatusOr<at::Tensor> ImageTrainee::LogProbabilities(size_t begin, size_t end) {
  const std::vector<at::Tensor> images(held_out_.begin() + static_cast<std::ptrdiff_t>(begin),
                                       held_out_.begin() + static_cast<std::ptrdiff_t>(end));
  auto features = network_.encoder->Forward(at::stack(images), {});
  if (!features.ok()) return features.status();
  return at::log_softmax(features->logits, 1);
}

}  // namespace

std::unique_ptr<FileTrainee> MakeImageTrainee(const TrainOptions& options, TrainRun& run) {
  return std::make_unique<ImageTrainee>(options, run);
}

}  // namespace strata::models
