#include "models/checkpoint/safetensors.h"

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

class SafetensorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("strata_safetensors_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    path_ = (folder_ / "model.safetensors").string();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void WriteRaw(const std::string& header, const std::string& data) {
    const uint64_t size = header.size();
    std::string bytes(reinterpret_cast<const char*>(&size), 8);
    bytes += header + data;
    std::ofstream(path_, std::ios::binary) << bytes;
  }

  TensorMap Sample() {
    TensorMap map;
    map["b"] = {TensorType::kFloat32,
                {2, 3},
                reinterpret_cast<const std::byte*>(values_.data()),
                24,
                nullptr};
    map["a.empty"] = {TensorType::kInt64, {0, 4}, nullptr, 0, nullptr};
    return map;
  }

  std::filesystem::path folder_;
  std::string path_;
  std::vector<float> values_ = {1, 2, 3, 4, 5, 6};
};

TEST_F(SafetensorsTest, WhatIsWrittenIsRead) {
  ASSERT_TRUE(WriteSafetensors(path_, Sample(), {{"made_by", "test"}}).ok());
  std::map<std::string, std::string> metadata;
  auto map = ReadSafetensors(path_, &metadata);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(metadata["made_by"], "test");
  ASSERT_EQ(map->size(), 2);
  EXPECT_EQ(map->at("b").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(map->at("b").data, values_.data(), 24), 0);
  EXPECT_EQ(map->at("a.empty").num_elements(), 0);
}

TEST_F(SafetensorsTest, EveryTruncationIsRefused) {
  ASSERT_TRUE(WriteSafetensors(path_, Sample()).ok());
  const auto size = std::filesystem::file_size(path_);
  for (size_t keep = 0; keep < size; ++keep) {
    std::filesystem::resize_file(path_, keep);
    EXPECT_FALSE(ReadSafetensors(path_).ok()) << keep;
    ASSERT_TRUE(WriteSafetensors(path_, Sample()).ok());
  }
}

TEST_F(SafetensorsTest, RefusalsNameTheTensor) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "does not fill 4 bytes"},
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8000]}})", "lie outside"},
      {R"({"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", "no size"},
      {R"({"x":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}})", "unknown tensor type 'Q4'"},
      {R"({"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})",
       "overflows"},
      {R"({"x":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})", "lie outside"},
      {R"({"x":{"shape":[2]}})", "needs dtype"},
      {R"({"x":3})", "needs dtype"},
  };
  for (const auto& [header, message] : cases) {
    WriteRaw(header, "12345678");
    const absl::Status status = ReadSafetensors(path_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << header;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << header;
    EXPECT_THAT(std::string(status.message()), HasSubstr("tensor 'x'"));
  }
  WriteRaw("[1,2", "");
  EXPECT_THAT(std::string(ReadSafetensors(path_).status().message()),
              HasSubstr("not a JSON object"));
}

TEST_F(SafetensorsTest, OverlapIsRefused) {
  WriteRaw(R"({"x":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
           R"("y":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
           "12345678");
  EXPECT_THAT(std::string(ReadSafetensors(path_).status().message()), HasSubstr("overlap"));
}

TEST_F(SafetensorsTest, MutatedFilesNeverCrash) {
  ASSERT_TRUE(WriteSafetensors(path_, Sample()).ok());
  std::ifstream stream(path_, std::ios::binary);
  const std::string original((std::istreambuf_iterator<char>(stream)), {});
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = original;
    for (int k = 0; k < 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    std::ofstream(path_, std::ios::binary) << bytes;
    if (auto map = ReadSafetensors(path_); map.ok()) {
      for (const auto& [name, view] : *map) {
        for (int64_t b = 0; b < view.size_bytes; ++b) (void)std::to_integer<int>(view.data[b]);
      }
    }
  }
}

}  // namespace
}  // namespace strata::models
