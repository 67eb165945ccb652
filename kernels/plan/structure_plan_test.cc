#include "kernels/plan/structure_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "kernels/attention/block_sparse_attention_reference.h"
#include "kernels/plan/random_tree.h"

namespace strata::kernels {
namespace {

using ::testing::HasSubstr;
using PairCounts = std::vector<std::vector<int>>;  // [T][T] times that (query, key) is computed

// The pairs as a kernel computes them: the square of each family, less its head's own pair.
PairCounts PairsOfFamilies(const StructurePlan& plan) {
  PairCounts counts(plan.num_tokens(), std::vector<int>(plan.num_tokens()));
  for (const Family& family : plan.families()) {
    for (int row = 0; row < family.size; ++row) {
      for (int column = 0; column < family.size; ++column) {
        if (row == family.head_row && column == row && !family.head_is_root) continue;
        ++counts[plan.Member(family, row)][plan.Member(family, column)];
      }
    }
  }
  return counts;
}

void ExpectPairs(const StructurePlan& plan, const std::vector<std::vector<bool>>& attends) {
  const PairCounts counts = PairsOfFamilies(plan);
  int64_t num_pairs = 0;
  for (int x = 0; x < plan.num_tokens(); ++x) {
    for (int y = 0; y < plan.num_tokens(); ++y) {
      ASSERT_EQ(counts[x][y], attends[x][y] ? 1 : 0) << "query " << x << ", key " << y;
      num_pairs += attends[x][y];
    }
  }
  EXPECT_EQ(plan.num_pairs(), num_pairs);
}

std::shared_ptr<const StructurePlan> BuildOrDie(const TreeBatch& batch) {
  auto plan = StructurePlan::Build(batch.view());
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *plan;
}

std::string BuildError(std::vector<int32_t> parents, std::vector<int32_t> cu_seqlens) {
  auto plan = StructurePlan::Build({parents, cu_seqlens});
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(plan.status().message());
}

TEST(StructurePlanTest, SmallDocument) {
  // doc 0, section 1 with sentences 2 (words 3, 4) and 5 (no words).
  TreeBatch batch;
  batch.Append({-1, 0, 1, 2, 2, 1});
  const auto plan = BuildOrDie(batch);
  ASSERT_EQ(plan->families().size(), 3u);
  EXPECT_EQ(plan->families()[0].first, 0);         // doc, section: 0, 1
  EXPECT_EQ(plan->families()[1].gather_begin, 0);  // section, sentences: 1, 2, 5
  EXPECT_EQ(plan->families()[2].first, 2);         // 2, 3, 4
  EXPECT_THAT(plan->gather(), testing::ElementsAre(1, 2, 5));
  EXPECT_THAT(plan->partial_tokens(), testing::ElementsAre(1, 2));
  EXPECT_EQ(plan->num_pairs(), 4 + 8 + 8);
}

TEST(StructurePlanTest, EmptyBatchAndEmptyDocuments) {
  EXPECT_EQ(BuildOrDie(TreeBatch{})->num_tokens(), 0);
  TreeBatch batch;
  batch.Append({});
  batch.Append({-1});
  batch.Append({});
  const auto plan = BuildOrDie(batch);
  EXPECT_EQ(plan->num_documents(), 3);
  EXPECT_EQ(plan->num_pairs(), 1);
}

TEST(StructurePlanTest, FamiliesAreThePairsOfTheDefinition) {
  RandomTrees random(1);
  for (int i = 0; i < 2000; ++i) {
    TreeBatch batch;
    for (int documents = random.Uniform(1, 3); documents > 0; --documents) {
      batch.Append(random.Document(40, random.Uniform(1, 12)));
    }
    const auto plan = BuildOrDie(batch);
    std::vector<std::vector<bool>> attends(batch.num_tokens(),
                                           std::vector<bool>(batch.num_tokens()));
    for (size_t b = 0; b + 1 < batch.cu_seqlens.size(); ++b) {
      for (int x = batch.cu_seqlens[b]; x < batch.cu_seqlens[b + 1]; ++x) {
        for (int y = batch.cu_seqlens[b]; y < batch.cu_seqlens[b + 1]; ++y) {
          attends[x][y] = ReferenceAttends(batch.parents, x, y);
        }
      }
    }
    ExpectPairs(*plan, attends);
    if (HasFatalFailure()) return;
  }
}

// The three rows of HDT for each token, written from the paper's table and not from the tree.
struct HdtToken {
  std::array<int, 3> keep, hash;
};

std::vector<HdtToken> HdtMask(const std::vector<std::vector<int>>& words_of_sentences,
                              int num_query) {
  std::vector<HdtToken> tokens(num_query, {{0, 0, 1}, {0, 0, 0}});
  tokens.push_back({{0, 0, 1}, {0, 0, 0}});
  int sentence = 0, section_index = 0;
  for (const auto& section : words_of_sentences) {
    tokens.push_back({{0, 1, 1}, {sentence, section_index, 0}});
    for (int words : section) {
      tokens.push_back({{1, 1, 0}, {sentence, section_index, 0}});
      tokens.insert(tokens.end(), words, {{1, 0, 0}, {sentence, section_index, 0}});
      ++sentence;
    }
    ++section_index;
  }
  return tokens;
}

TEST(StructurePlanTest, EqualsTheKeepAndHashMaskOfHdt) {
  RandomTrees random(2);
  for (int i = 0; i < 500; ++i) {
    std::vector<std::vector<int>> sections(random.Uniform(0, 4));
    for (auto& section : sections) {
      section.resize(random.Uniform(0, 4));
      for (int& words : section) words = random.Uniform(0, 6);
    }
    const int num_query = random.Chance(0.5) ? random.Uniform(1, 5) : 0;
    TreeBatch batch;
    batch.Append(HdtDocument(sections, num_query));
    const std::vector<HdtToken> tokens = HdtMask(sections, num_query);
    ASSERT_EQ(tokens.size(), batch.parents.size());
    std::vector<std::vector<bool>> attends(tokens.size(), std::vector<bool>(tokens.size()));
    for (size_t x = 0; x < tokens.size(); ++x) {
      for (size_t y = 0; y < tokens.size(); ++y) {
        for (int level = 0; level < 3; ++level) {
          if (tokens[x].keep[level] && tokens[y].keep[level] &&
              tokens[x].hash[level] == tokens[y].hash[level]) {
            attends[x][y] = true;
          }
        }
      }
    }
    ExpectPairs(*BuildOrDie(batch), attends);
    if (HasFatalFailure()) return;
  }
}

TEST(StructurePlanTest, ItemsCoverEveryRowAndColumnOnce) {
  RandomTrees random(3);
  TreeBatch batch;
  batch.Append(random.Star(1000, true));
  for (int i = 0; i < 20; ++i) batch.Append(random.Document(400, 5));
  batch.Append(random.Star(128, false));
  const auto plan = BuildOrDie(batch);
  for (bool backward : {false, true}) {
    std::vector<std::vector<std::pair<int, int>>> seen;  // per family and member: rows, columns
    for (const Family& family : plan->families()) seen.emplace_back(family.size);
    for (const WorkItem& item : backward ? plan->backward_items() : plan->forward_items()) {
      EXPECT_GT(item.cost, 0);
      for (int f = item.family_begin; f < item.family_end; ++f) {
        const bool whole = item.kind == WorkItem::Kind::kFamilies;
        EXPECT_TRUE(!whole || plan->families()[f].size <= StructurePlan::kMaxWholeFamily);
        const int begin = whole ? 0 : item.begin, end = whole ? plan->families()[f].size : item.end;
        for (int member = begin; member < end; ++member) {
          seen[f][member].first += item.kind != WorkItem::Kind::kColumns;
          seen[f][member].second += item.kind != WorkItem::Kind::kRows || !backward;
        }
      }
    }
    for (const auto& family : seen) {
      for (const auto& [rows, columns] : family) {
        ASSERT_EQ(rows, 1);
        ASSERT_EQ(columns, 1);
      }
    }
  }
}

TEST(StructurePlanTest, RefusesBadOffsets) {
  EXPECT_THAT(BuildError({-1}, {}), HasSubstr("cu_seqlens must hold"));
  EXPECT_THAT(BuildError({-1}, {1, 1}), HasSubstr("starting with 0"));
  EXPECT_THAT(BuildError({-1, -1}, {0, 2, 1, 2}), HasSubstr("cu_seqlens[2] = 1 is less than"));
  EXPECT_THAT(BuildError({-1, -1}, {0, 3}), HasSubstr("ends with 3 but parents has 2"));
  EXPECT_THAT(BuildError({-1, -1}, {0, 1}), HasSubstr("ends with 1 but parents has 2"));
}

TEST(StructurePlanTest, RefusesParentsOutsideTheDocument) {
  EXPECT_THAT(BuildError({-1, 0, 0}, {0, 2, 3}),
              HasSubstr("token 2 has parent 0, outside its document 1"));
  EXPECT_THAT(BuildError({-1, 2}, {0, 2}), HasSubstr("token 1 has parent 2"));
  EXPECT_THAT(BuildError({-2}, {0, 1}), HasSubstr("token 0 has parent -2"));
}

TEST(StructurePlanTest, RefusesCycles) {
  EXPECT_THAT(BuildError({0}, {0, 1}), HasSubstr("token 0 is its own ancestor"));
  EXPECT_THAT(BuildError({-1, 0, 4, 2, 3}, {0, 5}), HasSubstr("is its own ancestor"));
}

TEST(StructurePlanTest, BuildTimeIsLinear) {
  // A chain is the worst case of a walk to the root; 2 million tokens take far less than a second,
  // where anything quadratic would take hours.
  std::vector<int32_t> parents(2'000'000);
  for (size_t t = 0; t < parents.size(); ++t) parents[t] = static_cast<int32_t>(t + 1);
  parents.back() = -1;
  TreeBatch batch;
  batch.Append(parents);
  const auto start = std::chrono::steady_clock::now();
  const auto plan = BuildOrDie(batch);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_EQ(plan->num_pairs(), 3 * int64_t{2'000'000} - 2);
}

}  // namespace
}  // namespace strata::kernels
