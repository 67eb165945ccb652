#include "models/checkpoint/model_weights.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/testing/bundle_file.h"
#include "models/checkpoint/testing/temporary_folder.h"
#include "models/checkpoint/testing/torch_file.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

class ModelWeightsTest : public ::testing::Test {
 protected:
  // Each file holds one tensor, [1, 2], under the given key.
  void WriteSafe(const std::string& file, const std::string& key) {
    TensorMap map;
    map[key] = {TensorType::kFloat32, {2}, reinterpret_cast<const std::byte*>(values_), 8, nullptr};
    ASSERT_TRUE(WriteSafetensors(folder_.File(file), map).ok());
  }
  void WriteTorch(const std::string& file, const std::string& key) {
    WriteTorchFile(
        folder_.File(file),
        PickleFile(PickleDict({{key, PickleTensor("FloatStorage", "0", 2, 0, {2}, {1})}})),
        {{"0", BytesOf<float>({1, 2})}});
  }
  void WriteBundle(const std::string& prefix, const std::string& key) {
    const std::string data = BytesOf<float>({1, 2});
    folder_.Write(prefix + ".data-00000-of-00001", data);
    const BundleEntry entry = {1, {2}, 0, 0, 8, MaskedCrc(data)};
    folder_.Write(prefix + ".index",
                  TableWriter(false).Write({{"", BundleHeader(1)}, {key, entry.Serialize()}}));
  }

  // The one key that is read from `path`, or the error.
  std::string KeyOf(const std::string& path) {
    const auto weights = ReadModelWeights(path);
    if (!weights.ok()) return std::string(weights.status().message());
    EXPECT_EQ(weights->size(), 1);
    EXPECT_EQ(weights->begin()->second.shape, std::vector<int64_t>{2});
    return weights->begin()->first;
  }

  const TemporaryFolder folder_{"model_weights"};
  static constexpr float values_[] = {1, 2};
};

TEST_F(ModelWeightsTest, SafetensorsComeFirstThenTorchThenBundles) {
  EXPECT_EQ(ReadModelWeights(folder_.path()).status().code(), absl::StatusCode::kNotFound);
  WriteSafe("input.safetensors", "no weight");  // as golden cases have
  WriteSafe("output.safetensors", "no weight");
  EXPECT_EQ(ReadModelWeights(folder_.path()).status().code(), absl::StatusCode::kNotFound);
  WriteTorch("any.pt", "pt");
  EXPECT_EQ(KeyOf(folder_.path()), "pt");
  WriteTorch("other.bin", "bin");
  EXPECT_THAT(KeyOf(folder_.path()), HasSubstr("several checkpoints (any.pt, other.bin)"));
  WriteBundle("model.ckpt-1", "one");
  EXPECT_EQ(KeyOf(folder_.path()), "one");
  WriteBundle("model.ckpt-2", "two");
  EXPECT_THAT(KeyOf(folder_.path()), HasSubstr("several checkpoints"));
  folder_.Write("checkpoint",
                "model_checkpoint_path: \"/tmp/elsewhere/model.ckpt-2\"\n"
                "all_model_checkpoint_paths: \"model.ckpt-1\"\n");
  EXPECT_EQ(KeyOf(folder_.path()), "two");
  WriteTorch("pytorch_model.bin", "torch");
  EXPECT_EQ(KeyOf(folder_.path()), "torch");
  WriteSafe("model.safetensors", "safe");
  EXPECT_EQ(KeyOf(folder_.path()), "safe");
}

TEST_F(ModelWeightsTest, AFileIsReadByItsEnding) {
  WriteBundle("model.ckpt-1", "bundle");
  WriteTorch("a.pth", "torch");
  WriteSafe("b.safetensors", "safe");
  EXPECT_EQ(KeyOf(folder_.File("model.ckpt-1")), "bundle");
  EXPECT_EQ(KeyOf(folder_.File("model.ckpt-1.index")), "bundle");
  EXPECT_EQ(KeyOf(folder_.File("a.pth")), "torch");
  EXPECT_EQ(KeyOf(folder_.File("b.safetensors")), "safe");
  folder_.Write("c.txt", "");
  EXPECT_THAT(KeyOf(folder_.File("c.txt")), HasSubstr("no checkpoint by its ending"));
  EXPECT_THAT(KeyOf(folder_.File("none")), HasSubstr("there is no"));
}

TEST_F(ModelWeightsTest, ShardsOfBothFormatsAreJoined) {
  for (const bool torch : {true, false}) {
    const std::string index =
        torch ? "pytorch_model.bin.index.json" : "model.safetensors.index.json";
    const std::string first = torch ? "m-1.bin" : "m-1.safetensors";
    const std::string second = torch ? "m-2.bin" : "m-2.safetensors";
    const auto write = [&](const std::string& file, const std::string& key) {
      torch ? WriteTorch(file, key) : WriteSafe(file, key);
    };
    const auto map = [&](const std::string& a, const std::string& b) {
      folder_.Write(index, R"({"weight_map":{")" + a + R"(":")" + first + R"(",")" + b + R"(":")" +
                               second + R"("}})");
    };
    write(first, "a");
    write(second, "b");
    map("a", "b");
    auto weights = ReadModelWeights(folder_.path());
    ASSERT_TRUE(weights.ok()) << weights.status();
    EXPECT_EQ(weights->size(), 2);
    map("a", "c");
    EXPECT_THAT(KeyOf(folder_.path()), HasSubstr("tensor 'c' is not in m-2"));
    map("a", "b");
    write(second, "a");
    EXPECT_FALSE(ReadModelWeights(folder_.path()).ok());
    folder_.Write(index, R"({"weight_map":{"a":"../secret.bin"}})");
    EXPECT_THAT(KeyOf(folder_.path()), HasSubstr("not a plain name"));
    folder_.Write(index, R"({"weight_map":[]})");
    EXPECT_THAT(KeyOf(folder_.path()), HasSubstr("needs an object 'weight_map'"));
  }
}

}  // namespace
}  // namespace strata::models
