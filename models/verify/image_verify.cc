#include "models/verify/image_verify.h"

#include <ATen/core/grad_mode.h>

#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "models/engine/registry.h"
#include "models/layers/image_processor_config.h"
#include "models/layers/tensor_bridge.h"
#include "models/media/image_reader.h"

namespace strata::models {
namespace {

// The preprocessing of cases whose folder says none, in the words of case.json: "resize" is
// "shorter side 146" or "squash to [56, 56]", with crop, mean and std beside it.
absl::StatusOr<ImageProcessor> DescribedProcessor(const GoldenCase& golden) {
  const nlohmann::json& description = golden.description["preprocessing"];
  const std::vector<int32_t> crop = description.value("crop", std::vector<int32_t>());
  const std::string resize = description.value("resize", std::string());
  if (crop.size() != 2) {
    return absl::InvalidArgumentError("case.json: preprocessing names no crop [height, width]");
  }
  ImageProcessor processor = TimmProcessor(crop[0], crop[1], 1.0);
  processor.filter = ResampleFilter::kBicubic;
  absl::string_view rest = resize;
  if (absl::ConsumePrefix(&rest, "shorter side ")) {
    processor.resize = ResizeRule::kShortestEdge;
    if (!absl::SimpleAtoi(rest, &processor.height)) rest = "?";
    processor.width = processor.height;
  } else if (absl::ConsumePrefix(&rest, "squash to [") && absl::ConsumeSuffix(&rest, "]")) {
    const std::vector<absl::string_view> sides = absl::StrSplit(rest, ", ");
    processor.resize = ResizeRule::kExact;
    if (sides.size() != 2 || !absl::SimpleAtoi(sides[0], &processor.height) ||
        !absl::SimpleAtoi(sides[1], &processor.width)) {
      rest = "?";
    }
  } else {
    rest = "?";
  }
  if (rest == "?") {
    return absl::UnimplementedError(
        absl::StrCat("case.json: preprocessing: resize '", resize, "' is not understood"));
  }
  processor.mean = description.value("mean", processor.mean);
  processor.std = description.value("std", processor.std);
  return processor;
}

absl::StatusOr<ImageProcessor> ProcessorOf(const GoldenCase& golden) {
  const bool has_own =
      std::filesystem::exists(std::filesystem::path(golden.folder) / "preprocessor_config.json") ||
      absl::StrContains(golden.config_json, "\"pretrained_cfg\"");
  if (!has_own) return DescribedProcessor(golden);
  return LoadImageProcessor(golden.folder, 0, 0, 1.0);
}

// [1, H, W, 3] or, `planar`, [1, 3, H, W].
at::Tensor Bytes(const RgbImage& image, bool planar) {
  const at::Tensor pixels = at::from_blob(const_cast<uint8_t*>(image.pixels.data()),
                                          {1, image.height, image.width, 3}, at::kByte)
                                .clone();
  return planar ? pixels.permute({0, 3, 1, 2}) : pixels;
}

void ComparePixels(const std::string& name, const at::Tensor& actual, const at::Tensor& expected,
                   double levels, Comparison& comparison) {
  if (levels == 0) {
    comparison.CompareExactly(name, actual, expected);
  } else {
    comparison.CompareTo(name, actual, expected, {.absolute = levels});
  }
}

// All files as pixels [B, 3, H, W].
absl::StatusOr<at::Tensor> PixelsOfFiles(const GoldenCase& golden, Comparison& comparison) {
  auto processor = ProcessorOf(golden);
  if (!processor.ok()) return processor.status();
  std::vector<at::Tensor> rows;
  for (size_t i = 0; i < golden.files.size(); ++i) {
    const GoldenFile& file = golden.files[i];
    auto image = ReadImage(file.bytes,
                           {.apply_orientation = processor->apply_orientation, .name = file.name});
    if (!image.ok()) return image.status();
    // Decoders of lossy formats may differ by a level or two, others not at all.
    const std::optional<ImageFormat> format = DetectImageFormat(file.bytes);
    const bool lossy = format == ImageFormat::kJpeg || format == ImageFormat::kWebp;
    if (auto decoded = golden.Input(absl::StrCat("decoded_rgb_", i)); decoded.ok()) {
      ComparePixels(absl::StrCat("file.decoded_rgb_", i), Bytes(*image, /*planar=*/false)[0],
                    *decoded, lossy ? 2 : 0, comparison);
    }
    auto resized = ResizeAndCrop(*image, *processor);
    if (!resized.ok()) return resized.status();
    if (auto expected = golden.Input("resized_uint8_chw"); expected.ok()) {
      ComparePixels(absl::StrCat("file.resized_", i), Bytes(*resized, /*planar=*/true)[0],
                    (*expected)[static_cast<int64_t>(i)], 1, comparison);
    }
    at::Tensor row = at::empty({3, resized->height, resized->width});
    Normalize(*resized, *processor, row.mutable_data_ptr<float>());
    rows.push_back(row);
  }
  return at::stack(rows);
}

// Each output that the case expects, under the names of its reference.
void CompareFeatures(const GoldenCase& golden, const ImageFeatures& features,
                     const std::string& prefix, Comparison& comparison) {
  const auto compare = [&](const std::string& name, const at::Tensor& actual) {
    if (!comparison.Expects(name) || !actual.defined()) return;
    if (prefix.empty()) return comparison.Compare(name, actual);
    comparison.CompareTo(prefix + name, actual, ToTensor(golden.output.find(name)->second),
                         golden.tolerance());
  };
  for (const char* name : {"last_hidden_state", "forward_features"}) {
    compare(name, features.last_hidden_state);
  }
  for (const char* name : {"pooler_output", "pre_logits", "pooled"}) compare(name, features.pooled);
  compare("logits", features.logits);
  for (size_t i = 0; i < features.maps.size(); ++i) {
    compare(absl::StrCat("reshaped_hidden_states.", i), features.maps[i]);
    compare(absl::StrCat("intermediates.", i), features.maps[i]);
    compare(i == 0 ? "patch_embed" : absl::StrCat("level_", i - 1), features.maps[i]);
  }
}

}  // namespace

absl::Status VerifyImage(const GoldenCase& golden, Comparison& comparison) {
  const at::NoGradGuard no_grad;
  const ImageEncoderLoader loader = FindImageEncoderLoader(golden.class_name());
  if (loader == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("config.json: no image model '", golden.class_name(), "' is known"));
  }
  auto encoder = loader(golden.config_json, golden.weights, golden.folder);
  if (!encoder.ok()) return encoder.status();
  ImageForwardOptions options;
  options.want_maps = true;
  const nlohmann::json arguments =
      golden.description.value("forward_arguments", nlohmann::json::object());
  options.always_resize_positions = arguments.value("interpolate_pos_encoding", false);
  for (const char* name : {"bool_masked_pos", "mask"}) {
    if (auto hidden = golden.Input(name); hidden.ok()) {
      options.hidden_patches = hidden->to(at::kBool);
      // Hiera's mask says what is kept.
      if (absl::string_view(name) == "mask") {
        options.hidden_patches = options.hidden_patches.logical_not();
      }
    }
  }
  auto pixels = golden.Input("pixel_values");
  if (!pixels.ok()) return pixels.status();
  if (pixels->dim() != 4 || pixels->size(1) != (*encoder)->info().num_channels) {
    return absl::InvalidArgumentError(
        absl::StrCat("pixel_values have shape ", ShapeString(pixels->sizes().vec()),
                     ", the model takes [B, ", (*encoder)->info().num_channels, ", H, W]"));
  }
  auto features = (*encoder)->Forward(*pixels, options);
  if (!features.ok()) return features.status();
  CompareFeatures(golden, *features, "", comparison);

  if (golden.files.empty()) return absl::OkStatus();
  auto read = PixelsOfFiles(golden, comparison);
  if (!read.ok()) return read.status();
  if (read->sizes() != pixels->sizes()) {
    return absl::InvalidArgumentError("the files' pixels have another size than pixel_values");
  }
  auto from_files = (*encoder)->Forward(*read, options);
  if (!from_files.ok()) return from_files.status();
  CompareFeatures(golden, *from_files, "file.", comparison);
  return absl::OkStatus();
}

}  // namespace strata::models
