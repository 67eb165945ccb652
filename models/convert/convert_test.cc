// Conversion and inspection of whole folders.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/testing/bundle_file.h"
#include "models/checkpoint/testing/temporary_folder.h"
#include "models/convert/model_converter.h"
#include "models/convert/model_inspection.h"

namespace strata::models {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kZooModel = STRATA_SOURCE_DIR "/models/zoo/openstax-subjects";

class ConvertTest : public ::testing::Test {
 protected:
  // A TensorFlow checkpoint of these variables.
  void WriteBundle(const std::map<std::string, std::vector<float>>& variables) {
    std::map<std::string, std::string> table = {{"", BundleHeader(1)}};
    std::string data;
    for (const auto& [name, values] : variables) {
      const std::string bytes(reinterpret_cast<const char*>(values.data()), 4 * values.size());
      const BundleEntry entry = {1,
                                 {static_cast<int64_t>(values.size())},
                                 0,
                                 static_cast<int64_t>(data.size()),
                                 static_cast<int64_t>(bytes.size()),
                                 MaskedCrc(bytes)};
      table[name] = entry.Serialize();
      data += bytes;
    }
    folder_.Write("model.ckpt-1.data-00000-of-00001", data);
    folder_.Write("model.ckpt-1.index", TableWriter(false).Write(table));
  }

  ConvertRequest Request() const {
    ConvertRequest request;
    request.input = folder_.path();
    request.output_folder = output_;
    return request;
  }

  const TemporaryFolder folder_{"convert"};
  const TemporaryFolder outside_{"convert_output"};
  const std::string output_ = outside_.File("model");
};

TEST_F(ConvertTest, ATensorFlowCheckpointBecomesAModelFolder) {
  WriteBundle({{"bert/pooler/dense/bias", {1, 2.5}},
               {"bert/pooler/dense/bias/adam_m", {7, 7}},
               {"global_step", {3}}});
  folder_.Write("sent.json", R"({"hidden_size": 2})");
  folder_.Write("doc.json", R"({"hidden_size": 2})");
  folder_.Write("settings.pbtxt",
                "encoder_config { bert_config_file: \"/x/sent.json\" "
                "doc_bert_config_file: \"/x/doc.json\" }");
  folder_.Write("vocab.txt", "[PAD]\n");
  ConvertRequest request = Request();
  request.check = false;
  const auto report = ConvertModel(request);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->format, CheckpointFormat::kTensorBundle);
  EXPECT_THAT(report->left_out, ElementsAre("bert/pooler/dense/bias/adam_m", "global_step"));
  EXPECT_THAT(report->copied_files, ElementsAre("vocab.txt"));
  EXPECT_EQ(report->num_parameters, 2);
  const auto weights = ReadSafetensors(output_ + "/model.safetensors");
  ASSERT_TRUE(weights.ok()) << weights.status();
  ASSERT_EQ(weights->size(), 1);
  EXPECT_EQ(
      std::memcmp(weights->at("bert/pooler/dense/bias").data, std::vector<float>{1, 2.5}.data(), 8),
      0);
  EXPECT_TRUE(fs::exists(output_ + "/vocab.txt"));
  const auto inspection = InspectModelFolder(output_);
  ASSERT_TRUE(inspection.ok()) << inspection.status();
  EXPECT_EQ(inspection->info.model_type, "smith");
  EXPECT_EQ(inspection->info.num_parameters, 2);

  EXPECT_EQ(ConvertModel(request).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ConvertTest, AModelIsTriedBeforeItsFolderAppears) {
  ConvertRequest request;
  request.input = kZooModel;
  request.output_folder = output_ + "/";
  request.type = TensorType::kBFloat16;
  const auto report = ConvertModel(request);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->unchecked_because, "");
  EXPECT_THAT(report->copied_files, Contains("spiece.model"));
  EXPECT_EQ(report->weight_bytes, 2 * report->num_parameters);
  const auto inspection = InspectModelFolder(output_);
  ASSERT_TRUE(inspection.ok()) << inspection.status();
  EXPECT_TRUE(inspection->loads.ok()) << inspection->loads;
  ASSERT_EQ(inspection->types.size(), 1);
  EXPECT_EQ(inspection->types[0].type, TensorType::kBFloat16);
  EXPECT_EQ(inspection->types[0].num_parameters, report->num_parameters);
  EXPECT_EQ(static_cast<int64_t>(inspection->tensors.size()), report->num_tensors);
  EXPECT_EQ(inspection->info.labels.size(), 25);

  // The same weights under a configuration that asks for another width.
  std::string config = folder_.Read("config.json");
  std::ifstream stream(kZooModel + "/config.json");
  config.assign(std::istreambuf_iterator<char>(stream), {});
  const size_t place = config.find("\"d_ff\": ");
  ASSERT_NE(place, std::string::npos);
  folder_.Write("config.json", config.insert(place + 8, "1"));
  request.output_folder = outside_.File("other");
  request.config_path = folder_.File("config.json");
  const auto refused = ConvertModel(request);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("DenseReluDense"));
  EXPECT_FALSE(fs::exists(outside_.File("other")));
  EXPECT_EQ(std::distance(fs::directory_iterator(outside_.path()), fs::directory_iterator()), 1);
}

TEST_F(ConvertTest, WhatIsMissingOrNotFiniteIsNamed) {
  EXPECT_EQ(ConvertModel(Request()).status().code(), absl::StatusCode::kNotFound);
  WriteBundle({{"good", {1}}, {"bad", {std::numeric_limits<float>::quiet_NaN()}}});
  EXPECT_THAT(std::string(ConvertModel(Request()).status().message()),
              HasSubstr("no config.json beside"));
  folder_.Write("config.json", R"({"model_type": "unheard_of"})");
  EXPECT_THAT(std::string(ConvertModel(Request()).status().message()),
              HasSubstr("weight 'bad' holds NaN or infinity"));
  WriteBundle({{"good", {1}}});
  const auto report = ConvertModel(Request());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->unchecked_because, HasSubstr("model_type 'unheard_of'"));
  const auto inspection = InspectModelFolder(output_);
  ASSERT_TRUE(inspection.ok()) << inspection.status();
  EXPECT_EQ(inspection->loads.code(), absl::StatusCode::kUnimplemented);
  ASSERT_EQ(inspection->tensors.size(), 1);
  EXPECT_EQ(inspection->tensors[0].name, "good");
}

}  // namespace
}  // namespace strata::models
