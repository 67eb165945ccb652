// With S the image's side, R = S/mel_bins the stretches of time it holds, and c = rows of the last
// map / R:
//
//   x    = BatchNorm over mel bands of the log-mel spectrogram
//   img  = fold(stretch(x))                  tok = LN(Swin(LN(conv(img))))
//   u    = tok in order of time              [C, c, R·w]
//   p    = conv_(c×3)(u)                     one map for each class, [classes, R·w]
//   framewise = sigmoid(p), each column 8·stride times     clipwise = sigmoid(mean over time of p)
//   latent    = mean of u over c and time
//
// Quirks of the reference that are kept: clipwise is not the mean of framewise; over crops of a
// long clip both are averaged element by element, which mixes moments of time; windows cross the
// borders between stretches; with loss "clip_ce" clipwise stays as logits.
#include "models/htsat/htsat.h"

#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/layers/tensor_bridge.h"

namespace strata::models {
namespace {

constexpr char kPrefix[] = "sed_model.";
constexpr double kEpsilon = 1e-5;

// [B, time, classes] → each row `times` times.
at::Tensor RepeatRows(const at::Tensor& x, int64_t times) { return x.repeat_interleave(times, 1); }

absl::Status CheckFilters(const MelSpectrogram& mel, const TensorMap& checkpoint,
                          const std::string& prefix, const std::string& where) {
  const auto found = checkpoint.find(prefix + "logmel_extractor.melW");
  if (found == checkpoint.end()) return absl::OkStatus();
  const at::Tensor theirs = ToTensor(found->second).to(at::kDouble);
  if (theirs.sizes() != mel.filters().sizes() ||
      (theirs - mel.filters()).abs().max().item<double>() > 1e-4) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": the checkpoint's mel filters (", found->first,
                     ") are not those that config.json describes; are sample_rate, window_size, "
                     "mel_bins, fmin and fmax its own?"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Htsat> Htsat::Load(const HtsatConfig& config, const TensorMap& checkpoint,
                                  const std::string& where) {
  const std::string prefix =
      checkpoint.contains(absl::StrCat(kPrefix, "norm.weight")) ? kPrefix : "";
  HtsatWeights weights;
  weights.stages = EmptySwinStages(config.swin);
  const auto ignored = [&](const std::string& key) {
    return absl::StartsWith(key, prefix) && IsIgnoredHtsatKey(config, key.substr(prefix.size()));
  };
  absl::Status status =
      LoadNewWeights(HtsatWeightTable(config, prefix, weights), checkpoint, ignored, where);
  if (!status.ok()) return status;
  Htsat model(config, std::move(weights));
  status = CheckFilters(model.mel_, checkpoint, prefix, where);
  if (!status.ok()) return status;
  return model;
}

absl::StatusOr<HtsatOutput> Htsat::Forward(const at::Tensor& logmel,
                                           const HtsatForwardOptions& options) const {
  auto images = Images(NormalizeLast(weights_.bn0, logmel).unsqueeze(1), options);
  if (!images.ok()) return images.status();
  // All crops of all clips in one batch, crop after crop.
  const auto crops = static_cast<int64_t>(images->size());
  auto output = RunImages(at::cat(*images, 0), options);
  if (!output.ok() || crops == 1) return output;
  const int64_t batch = logmel.size(0);
  const auto average = [&](const at::Tensor& x) {
    std::vector<int64_t> shape = x.sizes().vec();
    shape[0] = batch;
    shape.insert(shape.begin(), crops);
    return x.view(shape).mean(0);
  };
  output->clipwise = average(output->clipwise);
  output->framewise = average(output->framewise);
  output->moments = average(output->moments);
  output->latent = at::Tensor();
  return output;
}

absl::StatusOr<HtsatOutput> Htsat::ForwardClips(const std::vector<at::Tensor>& logmels,
                                                const HtsatForwardOptions& options) const {
  std::vector<at::Tensor> images;
  std::vector<int64_t> crops;  // of each clip
  for (const at::Tensor& logmel : logmels) {
    auto own = Images(NormalizeLast(weights_.bn0, logmel).unsqueeze(1), options);
    if (!own.ok()) return own.status();
    crops.push_back(static_cast<int64_t>(own->size()));
    images.insert(images.end(), own->begin(), own->end());
  }
  if (images.empty()) return absl::InvalidArgumentError("no clip");
  auto output = RunImages(at::cat(images, 0), options);
  if (!output.ok() || images.size() == logmels.size()) return output;
  const auto average = [&](const at::Tensor& x) {
    std::vector<at::Tensor> rows;
    for (const at::Tensor& own : x.split_with_sizes(crops)) rows.push_back(own.mean(0));
    return at::stack(rows, 0);
  };
  output->clipwise = average(output->clipwise);
  output->framewise = average(output->framewise);
  output->moments = average(output->moments);
  output->latent = at::Tensor();
  return output;
}

// What the network looks at, by the length policy: for each crop [B, 1, S, S].
absl::StatusOr<std::vector<at::Tensor>> Htsat::Images(const at::Tensor& normed,
                                                      const HtsatForwardOptions& options) const {
  const SpectrogramImageSpec& image = config_.image;
  const int64_t frames = normed.size(2), wanted = image.num_frames();
  std::vector<at::Tensor> images;
  const auto add = [&](const at::Tensor& x) {
    auto stretched = StretchSpectrogram(image, x);
    if (stretched.ok()) images.push_back(FoldSpectrogram(image, *stretched));
    return stretched.status();
  };
  absl::Status status;
  if (options.infer_mode) {
    status = add(frames <= wanted ? normed.repeat({1, 1, wanted / frames, 1}) : normed);
  } else if (config_.enable_repeat_mode) {
    auto stretched = StretchSpectrogram(image, normed);
    if (!stretched.ok()) return stretched.status();
    for (int64_t first = 0; first < wanted; first += image.size) {
      images.push_back(
          stretched->narrow(2, first, image.size).transpose(2, 3).repeat({1, 1, image.ratio(), 1}));
    }
  } else if (frames > wanted) {
    const int64_t crop = (frames - 1) / 2, step = (frames - 1) / 4;
    for (int64_t first = 0; first < frames - crop - 1 && status.ok(); first += step) {
      status = add(normed.narrow(2, first, crop));
    }
  } else {
    status = add(normed);
  }
  if (!status.ok()) return status;
  return images;
}

absl::StatusOr<HtsatOutput> Htsat::RunImages(const at::Tensor& images,
                                             const HtsatForwardOptions& options) const {
  const int64_t batch = images.size(0);
  if (options.folded_image != nullptr) *options.folded_image = images;
  const std::array<int64_t, 2> stride = {config_.stride[0], config_.stride[1]};
  const std::array<int64_t, 2> padding = {(config_.patch_size - stride[0]) / 2,
                                          (config_.patch_size - stride[1]) / 2};
  at::Tensor x = at::conv2d(images, weights_.patch_weight, weights_.patch_bias,
                            at::IntArrayRef(stride), at::IntArrayRef(padding))
                     .permute({0, 2, 3, 1});
  x = Normalize(weights_.patch_norm, NormKind::kLayerNorm, kEpsilon, x);
  if (config_.absolute_positions) x = x + weights_.absolute_pos_embed.view(x.sizes().slice(1));
  std::vector<at::Tensor> probabilities;
  SwinForwardOptions swin;
  swin.cancelled = options.cancelled;
  if (config_.attn_heatmap && config_.enable_tscam) swin.last_probabilities = &probabilities;
  auto tokens = RunSwinStages(config_.swin, weights_.stages, x, swin);
  if (!tokens.ok()) return tokens.status();
  const at::Tensor normed = Normalize(weights_.norm, NormKind::kLayerNorm, kEpsilon, *tokens);
  if (options.normed_tokens != nullptr) *options.normed_tokens = normed.flatten(1, 2);
  const at::Tensor in_time = TokensInTime(config_.image, normed);  // [B, C, c, time]

  HtsatOutput output;
  output.moments = in_time.mean(2).transpose(1, 2);
  if (!config_.enable_tscam) {
    output.clipwise = at::sigmoid(Apply(weights_.head, normed.mean({1, 2})));
    const at::Tensor rows = in_time.sum(2).transpose(1, 2);  // [B, time, C]
    output.framewise =
        RepeatRows(at::sigmoid(Apply(weights_.head, rows)), config_.rows_per_token());
    return output;
  }
  output.latent = in_time.mean({2, 3});
  const at::Tensor maps = at::conv2d(in_time, weights_.tscam_weight, weights_.tscam_bias,
                                     at::IntArrayRef({1, 1}), at::IntArrayRef({0, 1}))
                              .flatten(2);
  at::Tensor rows = at::sigmoid(maps).transpose(1, 2);  // [B, time, classes]
  if (config_.attn_heatmap) rows = rows * Saliency(probabilities, batch);
  output.framewise = RepeatRows(rows, config_.rows_per_token());
  const at::Tensor clip = maps.mean(2);
  output.clipwise = config_.single_label ? clip : at::sigmoid(clip);
  return output;
}

// How much each moment was attended to in the last stage, between 0.85 and 1 where one moment gets
// all and none gets nothing. [B, time, 1]. The reference reads windows as rows of the map, whatever
// their number.
at::Tensor Htsat::Saliency(const std::vector<at::Tensor>& probabilities, int64_t batch) const {
  const int64_t ratio = config_.image.ratio(), rows = config_.last_grid(0) / ratio;
  const at::Tensor received = at::stack(probabilities, 0).mean(0).mean({1, 2});  // [B · windows, N]
  const at::Tensor moments = received.reshape({batch, ratio, rows, config_.last_grid(1)})
                                 .transpose(1, 2)
                                 .reshape({batch, rows, -1})
                                 .mean(1);  // [B, time]
  const at::Tensor highest = moments.amax(1, /*keepdim=*/true);
  const at::Tensor lowest = moments.amin(1, /*keepdim=*/true);
  return ((moments * 0.15 + (highest * 0.85 - lowest)) / (highest - lowest)).unsqueeze(2);
}

}  // namespace strata::models
