#include "models/layers/image_processor_config.h"

#include <gtest/gtest.h>

namespace strata::models {
namespace {

ImageProcessor Transformers(const std::string& json) {
  auto processor = ParseTransformersProcessor(json, "f");
  EXPECT_TRUE(processor.ok()) << processor.status();
  return processor.ok() ? *processor : ImageProcessor{};
}

TEST(ImageProcessorConfigTest, ReadsAHubFileOfSwin) {
  // feature_extractor_type and a bare size, as older files have them.
  const ImageProcessor processor = Transformers(
      R"({"do_normalize": true, "feature_extractor_type": "ViTFeatureExtractor", "resample": 3,
          "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "size": 384})");
  EXPECT_TRUE(processor.apply_orientation);
  EXPECT_EQ(processor.resize, ResizeRule::kExact);
  EXPECT_EQ(processor.height, 384);
  EXPECT_EQ(processor.width, 384);
  EXPECT_EQ(processor.filter, ResampleFilter::kBicubic);
  EXPECT_EQ(processor.arithmetic, ResampleArithmetic::kTorchvision);
  EXPECT_FALSE(processor.crop);
  EXPECT_EQ(processor.mean[2], 0.406);
}

TEST(ImageProcessorConfigTest, WhatAFileLeavesOutIsTheClassesOwn) {
  const ImageProcessor vit = Transformers(R"({"image_processor_type": "ViTImageProcessorFast"})");
  EXPECT_EQ(vit.filter, ResampleFilter::kBilinear);
  EXPECT_EQ(vit.mean[0], 0.5);
  const ImageProcessor bit = Transformers(
      R"({"image_processor_type": "BitImageProcessor", "size": 256, "crop_size": 224})");
  EXPECT_EQ(bit.resize, ResizeRule::kShortestEdge);
  EXPECT_EQ(bit.height, 256);
  EXPECT_TRUE(bit.crop);
  EXPECT_EQ(bit.crop_width, 224);
  const ImageProcessor pil = Transformers(R"({"image_processor_type": "ViTImageProcessorPil"})");
  EXPECT_EQ(pil.arithmetic, ResampleArithmetic::kPillow);
  EXPECT_EQ(pil.scale_rule, ScaleRule::kMultiply);
}

TEST(ImageProcessorConfigTest, EverySpellingOfASize) {
  EXPECT_EQ(Transformers(R"({"size": {"height": 3, "width": 4}})").width, 4);
  EXPECT_EQ(Transformers(R"({"size": [3, 4]})").width, 4);
  const ImageProcessor edges =
      Transformers(R"({"size": {"shortest_edge": 3, "longest_edge": 9}, "do_center_crop": true,
                       "crop_size": {"height": 2, "width": 3}})");
  EXPECT_EQ(edges.resize, ResizeRule::kLongestEdge);
  EXPECT_EQ(edges.width, 9);
  EXPECT_EQ(edges.crop_height, 2);
  EXPECT_EQ(Transformers(R"({"do_resize": false})").resize, ResizeRule::kNone);
}

TEST(ImageProcessorConfigTest, FaultsNameTheField) {
  const auto message = [](const std::string& json) {
    return std::string(ParseTransformersProcessor(json, "f").status().message());
  };
  EXPECT_EQ(message(R"({"size": {"height": 3}})"),
            "f: size holds neither height and width nor shortest_edge");
  EXPECT_EQ(message(R"({"image_std": [1, 0, 1]})"), "f: image_std must be above 0");
  EXPECT_EQ(message(R"({"image_mean": [1, 0]})"), "f: image_mean is not a list of 3 numbers");
  EXPECT_EQ(message(R"({"resample": 6})"), "f: resample is none of Pillow's filters 0..5");
  EXPECT_EQ(message("[]"), "f: not a JSON object");
  EXPECT_EQ(ParseTransformersProcessor(R"({"image_processor_type": "FlavaImageProcessor"})", "f")
                .status()
                .code(),
            absl::StatusCode::kUnimplemented);
}

TEST(ImageProcessorConfigTest, TimmCropsWhatItsShareLeaves) {
  const auto timm = [](const std::string& fields) {
    auto processor = ParseTimmProcessor(R"({"pretrained_cfg": {)" + fields + "}}", "f");
    EXPECT_TRUE(processor.ok()) << processor.status();
    return processor.ok() ? *processor : ImageProcessor{};
  };
  const ImageProcessor plain = timm(R"("input_size": [3, 224, 224], "crop_pct": 0.9)");
  EXPECT_FALSE(plain.apply_orientation);
  EXPECT_EQ(plain.resize, ResizeRule::kShortestEdge);
  EXPECT_EQ(plain.height, 248);
  EXPECT_EQ(plain.crop_height, 224);
  EXPECT_EQ(plain.anchor, CropAnchor::kRoundHalfEven);
  EXPECT_EQ(plain.arithmetic, ResampleArithmetic::kPillow);
  EXPECT_EQ(timm(R"("crop_mode": "squash", "crop_pct": 1.0)").resize, ResizeRule::kExact);
  const ImageProcessor border = timm(R"("crop_mode": "border", "mean": [0.5, 0.5, 0.5])");
  EXPECT_EQ(border.resize, ResizeRule::kFit);
  EXPECT_EQ(border.fill[0], 128);
  const ImageProcessor wide = timm(R"("input_size": [3, 64, 128], "interpolation": "bicubic")");
  EXPECT_EQ(wide.resize, ResizeRule::kCover);
  EXPECT_EQ(wide.filter, ResampleFilter::kBicubic);
  EXPECT_FALSE(ParseTimmProcessor(R"({"pretrained_cfg": {"crop_mode": "tiles"}})", "f").ok());
}

}  // namespace
}  // namespace strata::models
