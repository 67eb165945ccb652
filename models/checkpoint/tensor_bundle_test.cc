#include "models/checkpoint/tensor_bundle.h"

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/crc32c.h"
#include "models/checkpoint/sorted_table.h"
#include "models/checkpoint/testing/bundle_file.h"
#include "models/checkpoint/testing/temporary_folder.h"

namespace strata::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

class TensorBundleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("ckpt.data-00000-of-00002", matrix_ + step_);
    folder_.Write("ckpt.data-00001-of-00002", "...." + bias_);
    entries_["bert/embeddings/word_embeddings"] = Entry(1, {2, 3}, 0, 0, matrix_);
    entries_["global_step"] = Entry(9, {}, 0, 24, step_);
    entries_["bert/pooler/dense/bias"] = Entry(14, {2}, 1, 4, bias_);
    entries_["bert/pooler/dense/empty"] = Entry(1, {0, 7}, 1, 0, "");
  }

  static BundleEntry Entry(int type, std::vector<int64_t> shape, int shard, int64_t offset,
                           const std::string& bytes) {
    return {type,
            std::move(shape),
            shard,
            offset,
            static_cast<int64_t>(bytes.size()),
            MaskedCrc(bytes)};
  }

  std::map<std::string, std::string> Serialized() const {
    std::map<std::string, std::string> all = {{"", BundleHeader(2)}};
    for (const auto& [name, entry] : entries_) all[name] = entry.Serialize();
    return all;
  }

  absl::StatusOr<TensorMap> ReadTable(const std::string& table) {
    folder_.Write("ckpt.index", table);
    return ReadTensorBundle(folder_.File("ckpt"));
  }

  absl::StatusOr<TensorMap> Read() { return ReadTable(TableWriter(false).Write(Serialized())); }

  std::string Error() {
    const auto tensors = Read();
    EXPECT_EQ(tensors.status().code(), absl::StatusCode::kInvalidArgument) << tensors.status();
    return std::string(tensors.status().message());
  }

  const TemporaryFolder folder_{"tensor_bundle"};
  const std::string matrix_ = BytesOf<float>({1, 2, 3, 4, 5, 6});
  const std::string step_ = BytesOf<int64_t>({400000});
  const std::string bias_ = BytesOf<uint16_t>({0x3f80, 0xc000});  // bf16 1, -2
  std::map<std::string, BundleEntry> entries_;
};

TEST(Crc32c, GivesThePublishedValues) {  // RFC 3720, B.4
  const auto crc = [](const std::string& bytes) {
    return Crc32c(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  };
  EXPECT_EQ(crc(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc(std::string(32, '\xff')), 0x62a8ab43u);
  std::string rising;
  for (char i = 0; i < 32; ++i) rising.push_back(i);
  EXPECT_EQ(crc(rising), 0x46dd794eu);
  EXPECT_EQ(crc("123456789"), 0xe3069283u);
  const auto* data = reinterpret_cast<const std::byte*>(rising.data());
  EXPECT_EQ(Crc32c(data + 5, 27, Crc32c(data, 5)), 0x46dd794eu);
}

TEST_F(TensorBundleTest, VariablesAreReadFromAllShards) {
  entries_["_CHECKPOINTABLE_OBJECT_GRAPH"] = Entry(7, {}, 0, 0, "graph");
  for (const bool snappy : {false, true}) {
    for (const size_t per_block : {1, 2, 100}) {
      auto tensors = ReadTable(TableWriter(snappy, per_block).Write(Serialized()));
      ASSERT_TRUE(tensors.ok()) << tensors.status();
      ASSERT_EQ(tensors->size(), 4);
      const TensorView& matrix = tensors->at("bert/embeddings/word_embeddings");
      EXPECT_EQ(matrix.type, TensorType::kFloat32);
      EXPECT_THAT(matrix.shape, ElementsAre(2, 3));
      EXPECT_EQ(std::memcmp(matrix.data, matrix_.data(), 24), 0);
      EXPECT_EQ(tensors->at("global_step").type, TensorType::kInt64);
      EXPECT_TRUE(tensors->at("global_step").shape.empty());
      EXPECT_EQ(tensors->at("bert/pooler/dense/bias").type, TensorType::kBFloat16);
      EXPECT_EQ(std::memcmp(tensors->at("bert/pooler/dense/bias").data, bias_.data(), 4), 0);
      EXPECT_THAT(tensors->at("bert/pooler/dense/empty").shape, ElementsAre(0, 7));
    }
  }
}

TEST_F(TensorBundleTest, EntriesThatDoNotFitAreRefusedByName) {
  BundleEntry& matrix = entries_["bert/embeddings/word_embeddings"];
  const BundleEntry good = matrix;
  const auto expect = [&](const std::string& what) {
    const std::string error = Error();
    EXPECT_THAT(error, HasSubstr("'bert/embeddings/word_embeddings'"));
    EXPECT_THAT(error, HasSubstr(what));
    matrix = good;
  };
  matrix.shape = {2, 4};
  expect("of shape [2, 4] and type F32 does not fill 24 bytes");
  matrix.shape = {-2, -3};
  expect("does not fill");
  matrix.shape = {int64_t{1} << 40, int64_t{1} << 40};
  expect("does not fill");
  matrix.data_type = 8;
  expect("has type 8");
  matrix.data_type = 7;
  expect("holds strings");
  matrix.offset = 12;
  expect("[12, +24) lies outside the 32 bytes of its shard");
  matrix.offset = -1;
  expect("lies outside");
  matrix.shard = 2;
  expect("is in shard 2 of 2");
  matrix.crc ^= 1;
  expect("has a wrong checksum");
  matrix.has_slices = true;
  expect("is stored in slices");
  folder_.Write("ckpt.data-00000-of-00002", matrix_.substr(0, 20));
  expect("lies outside the 20 bytes of its shard (truncated file?)");
  std::filesystem::remove(folder_.File("ckpt.data-00000-of-00002"));
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TensorBundleTest, HeadersAndTablesThatAreBrokenAreRefused) {
  std::map<std::string, std::string> entries = Serialized();
  const auto error = [&](const std::string& table) {
    return std::string(ReadTable(table).status().message());
  };
  entries[""] = BundleHeader(2, /*endianness=*/1);
  EXPECT_THAT(error(TableWriter(false).Write(entries)), HasSubstr("big-endian"));
  entries[""] = "\x08";
  EXPECT_THAT(error(TableWriter(false).Write(entries)), HasSubstr("header is damaged"));
  entries.erase("");
  EXPECT_THAT(error(TableWriter(false).Write(entries)), HasSubstr("has no header"));
  EXPECT_THAT(error(TableWriter(false).Write({})), HasSubstr("has no header"));
  entries = Serialized();
  entries["bert/pooler/dense/bias"] = "\x0a";
  EXPECT_THAT(error(TableWriter(false).Write(entries)),
              HasSubstr("'bert/pooler/dense/bias' has a damaged entry"));
}

TEST_F(TensorBundleTest, EveryCutAndEveryFlippedByteOfTheIndexIsFound) {
  const auto reads = [](const std::string& table) {
    return ReadSortedTable({reinterpret_cast<const std::byte*>(table.data()), table.size()},
                           [](std::string_view, std::string_view) { return absl::OkStatus(); })
        .ok();
  };
  for (const bool snappy : {false, true}) {
    TableWriter writer(snappy);
    const std::string table = writer.Write(Serialized());
    ASSERT_TRUE(reads(table));
    for (size_t size = 0; size < table.size(); ++size) EXPECT_FALSE(reads(table.substr(0, size)));
    for (size_t place = 0; place < table.size(); ++place) {
      std::string damaged = table;
      damaged[place] ^= 0x41;
      // The block of filters and the footer's padding are not looked at.
      const bool is_needed = place < writer.data_bytes() || place >= table.size() - 8;
      EXPECT_FALSE(is_needed && reads(damaged)) << place;
    }
  }
}

}  // namespace
}  // namespace strata::models
