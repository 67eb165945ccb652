#include "models/search/vector_index.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/testing/temporary_folder.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

constexpr int32_t kDimension = 24;

std::vector<float> RandomVector(std::mt19937& random, const std::vector<float>& centre = {}) {
  std::normal_distribution<float> normal;
  std::vector<float> vector(kDimension);
  for (size_t i = 0; i < vector.size(); ++i) {
    vector[i] = normal(random) + (centre.empty() ? 0 : 3 * centre[i]);
  }
  return vector;
}

std::vector<float> RandomVectorOf(uint32_t seed) {
  std::mt19937 random(seed);
  return RandomVector(random);
}

// Vectors around a few centres, as documents of a few subjects are.
VectorIndexContent Content(int64_t count) {
  std::mt19937 random(7);
  std::vector<std::vector<float>> centres;
  for (int c = 0; c < 8; ++c) centres.push_back(RandomVector(random));
  VectorIndexContent content;
  content.model = "m";
  content.level = "section";
  content.dimension = kDimension;
  for (int64_t row = 0; row < count; ++row) {
    const auto vector = RandomVector(random, centres[random() % centres.size()]);
    content.vectors.insert(content.vectors.end(), vector.begin(), vector.end());
    content.entries.push_back({"doc " + std::to_string(row), {row, row + 10}});
  }
  return content;
}

double Cosine(const float* a, const float* b) {
  double product = 0, aa = 0, bb = 0;
  for (int32_t i = 0; i < kDimension; ++i) {
    product += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return product / std::sqrt(aa * bb);
}

class VectorIndexTest : public testing::Test {
 protected:
  std::shared_ptr<const VectorIndex> Made(VectorIndexContent content) {
    const absl::Status status = VectorIndex::Write(std::move(content), output_, nullptr);
    EXPECT_TRUE(status.ok()) << status;
    auto index = VectorIndex::Open(output_);
    EXPECT_TRUE(index.ok()) << index.status();
    return index.ok() ? *index : nullptr;
  }
  // Changes one byte in the middle of a file.
  void Damage(const std::string& name) {
    std::fstream file(output_ + "/" + name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(0, std::ios::end);
    const auto middle = file.tellg() / 2;
    file.seekg(middle);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(middle);
    file.put(byte);
  }

  const TemporaryFolder folder_{"vector_index"};
  const std::string output_ = folder_.File("index");
};

TEST_F(VectorIndexTest, ExactSearchIsTheDefinition) {
  const VectorIndexContent content = Content(300);
  const auto index = Made(content);
  ASSERT_NE(index, nullptr);
  EXPECT_EQ(index->size(), 300);
  EXPECT_EQ(index->model(), "m");
  EXPECT_EQ(index->level(), "section");
  EXPECT_EQ(index->entry(17).id, "doc 17");
  EXPECT_EQ(index->entry(17).source, (ByteSpan{17, 27}));
  std::mt19937 random(3);
  const std::vector<float> query = RandomVector(random);
  const auto hits = index->SearchExactly(query, 20);
  ASSERT_TRUE(hits.ok()) << hits.status();
  ASSERT_EQ(hits->size(), 20);
  std::set<int64_t> found;
  for (size_t i = 0; i < hits->size(); ++i) {
    const VectorHit& hit = (*hits)[i];
    found.insert(hit.row);
    EXPECT_NEAR(hit.similarity, Cosine(query.data(), &content.vectors[hit.row * kDimension]), 1e-5);
    if (i > 0) {
      EXPECT_LE(hit.similarity, (*hits)[i - 1].similarity);
    }
  }
  for (int64_t row = 0; row < 300; ++row) {
    if (found.contains(row)) continue;
    EXPECT_LE(Cosine(query.data(), &content.vectors[row * kDimension]),
              hits->back().similarity + 1e-5);
  }
  EXPECT_EQ(index->SearchExactly(query, 1000)->size(), 300);
}

TEST_F(VectorIndexTest, TheGraphFindsMostOfTheNearest) {
  const auto index = Made(Content(3000));
  ASSERT_NE(index, nullptr);
  std::mt19937 random(11);
  int64_t found = 0;
  constexpr int kQueries = 50, kCount = 10;
  for (int q = 0; q < kQueries; ++q) {
    const std::vector<float> query = RandomVector(random);
    const auto exact = index->SearchExactly(query, kCount);
    const auto near = index->SearchByGraph(query, kCount, 100);
    ASSERT_TRUE(exact.ok() && near.ok()) << near.status();
    ASSERT_EQ(near->size(), kCount);
    std::set<int64_t> rows;
    for (const VectorHit& hit : *exact) rows.insert(hit.row);
    for (const VectorHit& hit : *near) found += rows.count(hit.row);
    EXPECT_NEAR((*near)[0].similarity, (*exact)[0].similarity, 0.1);
  }
  EXPECT_GT(found, 0.95 * kQueries * kCount);
}

TEST_F(VectorIndexTest, AnIndexThatIsThereIsNotOverwritten) {
  ASSERT_NE(Made(Content(3)), nullptr);
  EXPECT_TRUE(absl::IsFailedPrecondition(VectorIndex::Write(Content(3), output_, nullptr)));
  EXPECT_TRUE(absl::IsFailedPrecondition(VectorIndex::CheckOutput(output_)));
}

TEST_F(VectorIndexTest, AStoppedRunLeavesNothing) {
  const absl::Status status =
      VectorIndex::Write(Content(600), output_, [](int64_t added) { return added < 512; });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(VectorIndexTest, BadVectorsAndQueriesAreRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(VectorIndex::Write({}, output_, nullptr)));
  VectorIndexContent content = Content(3);
  content.vectors[kDimension] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(std::string(VectorIndex::Write(content, output_, nullptr).message()),
              HasSubstr("'doc 1' is not finite"));
  content = Content(3);
  content.vectors.pop_back();
  EXPECT_TRUE(absl::IsInvalidArgument(VectorIndex::Write(content, output_, nullptr)));
  const auto index = Made(Content(3));
  ASSERT_NE(index, nullptr);
  EXPECT_THAT(std::string(index->SearchExactly(std::vector<float>(5), 1).status().message()),
              HasSubstr("has 5 numbers, those of the index 24"));
  const std::vector<float> zeros(kDimension);
  EXPECT_TRUE(absl::IsInvalidArgument(index->SearchExactly(zeros, 0).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(index->SearchByGraph(zeros, 1, 0).status()));
  EXPECT_EQ(index->SearchExactly(zeros, 1)->at(0).similarity, 0);
  EXPECT_EQ(index->SearchByGraph(RandomVectorOf(1), 10, 10)->size(), 3);
}

TEST_F(VectorIndexTest, DamageIsNoticed) {
  ASSERT_NE(Made(Content(50)), nullptr);
  Damage("graph.hnsw");
  const auto index = VectorIndex::Open(output_);
  ASSERT_TRUE(index.ok()) << index.status();
  const std::vector<float> query(kDimension, 1.0f);
  EXPECT_TRUE(absl::IsDataLoss((*index)->SearchByGraph(query, 1, 1).status()));
  EXPECT_TRUE((*index)->SearchExactly(query, 1).ok());
  Damage("entries.jsonl");
  EXPECT_TRUE(absl::IsDataLoss(VectorIndex::Open(output_).status()));
  std::filesystem::resize_file(output_ + "/vectors.safetensors", 100);
  EXPECT_TRUE(absl::IsInvalidArgument(VectorIndex::Open(output_).status()));
  EXPECT_TRUE(absl::IsNotFound(VectorIndex::Open(folder_.path() + "/none").status()));
}

}  // namespace
}  // namespace strata::models
