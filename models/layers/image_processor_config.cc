#include "models/layers/image_processor_config.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "models/layers/config_fields.h"

namespace strata::models {
namespace {

using Json = nlohmann::json;

constexpr std::array<double, 3> kHalf = {0.5, 0.5, 0.5};
constexpr std::array<double, 3> kClipMean = {0.48145466, 0.4578275, 0.40821073};
constexpr std::array<double, 3> kClipStd = {0.26862954, 0.26130258, 0.27577711};

// Defaults of transformers' classes, which a file may leave out.
struct KnownProcessor {
  const char* name;
  ResizeRule resize;
  int32_t size;
  bool crop;
  ResampleFilter filter;
  std::array<double, 3> mean, std;
};
constexpr KnownProcessor kKnownProcessors[] = {
    {"ViT", ResizeRule::kExact, 224, false, ResampleFilter::kBilinear, kHalf, kHalf},
    {"DeiT", ResizeRule::kExact, 256, true, ResampleFilter::kBicubic, kHalf, kHalf},
    {"Bit", ResizeRule::kShortestEdge, 224, true, ResampleFilter::kBicubic, kClipMean, kClipStd},
    {"CLIP", ResizeRule::kShortestEdge, 224, true, ResampleFilter::kBicubic, kClipMean, kClipStd},
};

// Pillow's numbers.
constexpr ResampleFilter kFilters[] = {ResampleFilter::kNearest,  ResampleFilter::kLanczos,
                                       ResampleFilter::kBilinear, ResampleFilter::kBicubic,
                                       ResampleFilter::kBox,      ResampleFilter::kHamming};
constexpr const char* kFilterNames[] = {"nearest", "lanczos", "bilinear",
                                        "bicubic", "box",     "hamming"};

// A number, [height, width], {"height", "width"} or {"shortest_edge"[, "longest_edge"]}.
void ReadResize(ConfigFields& fields, ImageProcessor& processor) {
  const Json* size = fields.Find("size");
  if (size == nullptr) return;
  if (!size->is_object()) {
    const bool keeps_rule = !size->is_array();
    fields.SizePair("size", 1, processor.height, processor.width);
    if (!keeps_rule) processor.resize = ResizeRule::kExact;
    return;
  }
  ConfigFields within = fields.Within("size");
  if (size->contains("height") && size->contains("width")) {
    processor.resize = ResizeRule::kExact;
    within.Size("height", 1, processor.height);
    within.Size("width", 1, processor.width);
  } else if (size->contains("shortest_edge")) {
    processor.resize = ResizeRule::kShortestEdge;
    within.Size("shortest_edge", 1, processor.height);
    if (within.Find("longest_edge") != nullptr) {
      processor.resize = ResizeRule::kLongestEdge;
      within.Size("longest_edge", 1, processor.width);
    }
  } else {
    fields.Fail("size", "holds neither height and width nor shortest_edge");
  }
  if (!within.status().ok()) fields.Fail("size", within.status().message());
}

void ReadCrop(ConfigFields& fields, ImageProcessor& processor) {
  const Json* size = fields.Find("crop_size");
  if (size == nullptr || !size->is_object()) {
    return fields.SizePair("crop_size", 1, processor.crop_height, processor.crop_width);
  }
  ConfigFields within = fields.Within("crop_size");
  within.Size("height", 1, processor.crop_height);
  within.Size("width", 1, processor.crop_width);
  if (!within.status().ok()) fields.Fail("crop_size", within.status().message());
}

void CheckScale(ConfigFields& fields, const ImageProcessor& processor, const char* std_name) {
  for (double value : processor.std) {
    if (!(value > 0)) fields.Fail(std_name, "must be above 0");
  }
  if (!(processor.rescale_factor > 0)) fields.Fail("rescale_factor", "must be above 0");
}

absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace

absl::StatusOr<ImageProcessor> ParseTransformersProcessor(const std::string& json,
                                                          const std::string& where) {
  ConfigFields fields(json, where);
  std::string full_name;
  fields.Text("feature_extractor_type", full_name);
  fields.Text("image_processor_type", full_name);
  if (full_name.empty()) full_name = "ViTImageProcessor";
  absl::string_view name = full_name;
  const bool is_pillow = absl::ConsumeSuffix(&name, "Pil");
  absl::ConsumeSuffix(&name, "Fast");
  if (!absl::ConsumeSuffix(&name, "ImageProcessor")) absl::ConsumeSuffix(&name, "FeatureExtractor");
  const KnownProcessor* known = nullptr;
  for (const KnownProcessor& row : kKnownProcessors) {
    if (name == row.name) known = &row;
  }
  if (known == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": image_processor_type '", full_name,
                     "' is none of ViTImageProcessor, DeiTImageProcessor, BitImageProcessor, "
                     "CLIPImageProcessor"));
  }
  ImageProcessor processor;
  processor.resize = known->resize;
  processor.height = processor.width = known->size;
  processor.crop = known->crop;
  processor.filter = known->filter;
  processor.mean = known->mean;
  processor.std = known->std;
  if (is_pillow) {
    processor.arithmetic = ResampleArithmetic::kPillow;
    processor.scale_rule = ScaleRule::kMultiply;
  }
  bool resize = true;
  int32_t resample = -1;
  fields.Flag("do_resize", resize);
  ReadResize(fields, processor);
  if (!resize) processor.resize = ResizeRule::kNone;
  fields.Size("resample", 0, resample);
  fields.Flag("do_center_crop", processor.crop);
  ReadCrop(fields, processor);
  fields.Flag("do_rescale", processor.rescale);
  fields.Number("rescale_factor", processor.rescale_factor);
  fields.Flag("do_normalize", processor.normalize);
  fields.Numbers("image_mean", absl::MakeSpan(processor.mean));
  fields.Numbers("image_std", absl::MakeSpan(processor.std));
  CheckScale(fields, processor, "image_std");
  if (resample > 5) fields.Fail("resample", "is none of Pillow's filters 0..5");
  if (!fields.status().ok()) return fields.status();
  if (resample >= 0) processor.filter = kFilters[resample];
  if (!is_pillow && processor.filter == ResampleFilter::kLanczos) {
    processor.filter = ResampleFilter::kBicubic;  // transformers' own way out on tensors
  }
  if (!is_pillow && resize &&
      (processor.filter == ResampleFilter::kBox || processor.filter == ResampleFilter::kHamming)) {
    return absl::UnimplementedError(absl::StrCat(
        where, ": resample ", resample,
        ": transformers resizes tensors by nearest, bilinear and bicubic filters only"));
  }
  return processor;
}

absl::StatusOr<ImageProcessor> ParseTimmProcessor(const std::string& json,
                                                  const std::string& where) {
  const ConfigFields config(json, where);
  if (!config.status().ok()) return config.status();
  ConfigFields fields = config.Within("pretrained_cfg");
  std::vector<int32_t> input_size = {3, 224, 224};
  double crop_pct = 0.875;
  std::string crop_mode = "center", interpolation = "bicubic";
  fields.Sizes("input_size", 1, input_size);
  fields.Number("crop_pct", crop_pct);
  fields.Text("crop_mode", crop_mode);
  fields.Text("interpolation", interpolation);
  if (input_size.size() != 3 || input_size[0] != 3) {
    fields.Fail("input_size", "is not [3, height, width]");
  }
  if (!(crop_pct > 0.01 && crop_pct <= 100)) fields.Fail("crop_pct", "must be in 0.01..100");
  if (!fields.status().ok()) return fields.status();

  ImageProcessor processor = TimmProcessor(input_size[1], input_size[2], crop_pct);
  fields.Numbers("mean", absl::MakeSpan(processor.mean));
  fields.Numbers("std", absl::MakeSpan(processor.std));
  CheckScale(fields, processor, "std");
  bool is_known = false;
  for (size_t i = 0; i < std::size(kFilters); ++i) {
    if (interpolation != kFilterNames[i]) continue;
    is_known = true;
    processor.filter = kFilters[i];
  }
  if (!is_known) {
    fields.Fail("interpolation", absl::StrCat("'", interpolation,
                                              "' is none of nearest, lanczos, bilinear, bicubic, "
                                              "box, hamming"));
  }
  if (crop_mode == "squash") {
    processor.resize = ResizeRule::kExact;
  } else if (crop_mode == "border") {
    processor.resize = ResizeRule::kFit;
    for (int c = 0; c < 3; ++c) {
      const double fill = std::nearbyint(255 * processor.mean[c]);
      if (!(fill >= 0 && fill <= 255)) fields.Fail("mean", "must be in 0..1");
      processor.fill[c] = fields.status().ok() ? static_cast<uint8_t>(fill) : 0;
    }
  } else if (crop_mode != "center") {
    fields.Fail("crop_mode", absl::StrCat("'", crop_mode, "' is none of center, squash, border"));
  }
  if (!fields.status().ok()) return fields.status();
  return processor;
}

ImageProcessor TimmProcessor(int32_t height, int32_t width, double crop_pct) {
  ImageProcessor processor;
  processor.apply_orientation = false;
  processor.arithmetic = ResampleArithmetic::kPillow;
  processor.scale_rule = ScaleRule::kDivideBy255;
  processor.crop = true;
  processor.crop_height = height;
  processor.crop_width = width;
  processor.anchor = CropAnchor::kRoundHalfEven;
  processor.height = static_cast<int32_t>(std::floor(height / crop_pct));
  processor.width = static_cast<int32_t>(std::floor(width / crop_pct));
  processor.resize =
      processor.height == processor.width ? ResizeRule::kShortestEdge : ResizeRule::kCover;
  return processor;
}

absl::StatusOr<ImageProcessor> LoadImageProcessor(const std::string& folder, int32_t height,
                                                  int32_t width, double crop_pct) {
  const std::filesystem::path root(folder);
  auto own = ReadIfThere(root / "preprocessor_config.json");
  if (!own.ok()) return own.status();
  if (own->has_value()) {
    return ParseTransformersProcessor(**own, (root / "preprocessor_config.json").string());
  }
  auto config = ReadIfThere(root / "config.json");
  if (!config.ok()) return config.status();
  if (config->has_value()) {
    const std::string where = (root / "config.json").string();
    const ConfigFields fields(**config, where);
    if (fields.Find("pretrained_cfg") != nullptr) return ParseTimmProcessor(**config, where);
  }
  return TimmProcessor(height, width, crop_pct);
}

}  // namespace strata::models
