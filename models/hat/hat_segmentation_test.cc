#include "models/hat/hat_segmentation.h"

#include <numeric>
#include <random>

#include "gtest/gtest.h"

namespace strata::models {
namespace {

using Pairs = std::vector<std::pair<int64_t, int64_t>>;

Pairs ToPairs(const std::vector<TokenRange>& ranges) {
  Pairs pairs;
  for (const TokenRange& range : ranges) pairs.emplace_back(range.begin, range.end);
  return pairs;
}

TEST(HatSegmentation, UniformRunsAndOverlap) {
  EXPECT_EQ(ToPairs(CutUniformly(10, 4)), (Pairs{{0, 4}, {4, 8}, {8, 10}}));
  EXPECT_EQ(ToPairs(CutUniformly(8, 4)), (Pairs{{0, 4}, {4, 8}}));
  EXPECT_EQ(ToPairs(CutUniformly(10, 4, 2)), (Pairs{{0, 4}, {2, 6}, {4, 8}, {6, 10}}));
  EXPECT_EQ(ToPairs(CutUniformly(3, 4, 2)), (Pairs{{0, 3}}));
  EXPECT_TRUE(CutUniformly(0, 4).empty());
}

TEST(HatSegmentation, SentencesAreGrouped) {
  EXPECT_EQ(ToPairs(GroupSentences({2, 2, 3, 1, 4}, 5)), (Pairs{{0, 4}, {4, 8}, {8, 12}}));
  EXPECT_EQ(ToPairs(GroupSentences({2, 12, 1}, 5)), (Pairs{{0, 2}, {2, 7}, {7, 12}, {12, 15}}));
  EXPECT_EQ(ToPairs(GroupSentences({0, 0}, 5)), Pairs{});
  EXPECT_EQ(ToPairs(CutAtSentences({2, 0, 7, 1}, 5)), (Pairs{{0, 2}, {2, 7}, {7, 9}, {9, 10}}));
}

// Worked out by hand from the reference's loop; its losses are the point.
TEST(HatSegmentation, TheReferencesGroupingLosesTokens) {
  // Fits, then does not fit.
  EXPECT_EQ(ToPairs(GroupSentencesAsReference({2, 2, 3}, 5, 9)), (Pairs{{0, 4}, {4, 7}}));
  // An over-long sentence meets an open segment: cut at 5 once the next comes.
  EXPECT_EQ(ToPairs(GroupSentencesAsReference({2, 12, 1}, 5, 9)),
            (Pairs{{0, 2}, {2, 7}, {14, 15}}));
  // It meets none: the first five, token 5 lost, the rest open.
  EXPECT_EQ(ToPairs(GroupSentencesAsReference({8, 1}, 5, 9)), (Pairs{{0, 5}, {6, 9}}));
  EXPECT_EQ(ToPairs(GroupSentencesAsReference({6, 1}, 5, 9)), (Pairs{{0, 5}, {6, 7}}));
  // What stays open may be over-long itself.
  EXPECT_EQ(ToPairs(GroupSentencesAsReference({14, 1}, 5, 9)), (Pairs{{0, 5}, {6, 11}, {14, 15}}));
  // At most so many segments.
  EXPECT_EQ(ToPairs(GroupSentencesAsReference({4, 4, 4}, 5, 2)), (Pairs{{0, 4}, {4, 8}}));
}

TEST(HatSegmentation, NoTokenIsLostOrDoubled) {
  std::mt19937 random(3);
  for (int trial = 0; trial < 200; ++trial) {
    const int64_t room = 1 + random() % 12;
    std::vector<int64_t> lengths(random() % 20);
    for (int64_t& length : lengths) length = random() % (2 * room + 2);
    const int64_t total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
    for (const auto& ranges : {GroupSentences(lengths, room), CutAtSentences(lengths, room),
                               CutUniformly(total, room)}) {
      int64_t next = 0;
      for (const TokenRange& range : ranges) {
        EXPECT_EQ(range.begin, next);
        EXPECT_GT(range.end, range.begin);
        EXPECT_LE(range.end - range.begin, room);
        next = range.end;
      }
      EXPECT_EQ(next, total);
    }
  }
}

}  // namespace
}  // namespace strata::models
