#include "models/hdt/hdt_input.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/batch/packed_batch.h"

namespace strata::models {
namespace {

using ::testing::ElementsAre;
using Position = std::array<int32_t, 3>;

constexpr HdtAnchorIds kIds{/*document=*/7, /*section=*/8, /*sentence=*/3};

HdtSection Section(std::vector<std::vector<int32_t>> sentences) {
  HdtSection section;
  for (auto& ids : sentences) section.sentences.push_back({ids, {}, -1, {}});
  return section;
}

TEST(AnchorSections, TokensPositionsAndParents) {
  const AnchoredSequence row =
      AnchorSections({Section({{20, 21}, {22}}), Section({{23}})}, kIds, {}, {}, 0);
  EXPECT_THAT(row.token_ids, ElementsAre(7, 8, 3, 20, 21, 3, 22, 8, 3, 23));
  EXPECT_THAT(row.parents, ElementsAre(-1, 0, 1, 2, 2, 1, 5, 0, 7, 8));
  EXPECT_EQ(row.positions[4], (Position{2, 1, 1}));
  EXPECT_EQ(row.positions[5], (Position{0, 2, 1}));
  EXPECT_EQ(row.positions[7], (Position{0, 0, 2}));
  EXPECT_EQ(row.positions[9], (Position{1, 1, 2}));
  EXPECT_EQ(row.num_words_seen, 4);
}

TEST(AnchorSections, EmptyPartsFollowTheReference) {
  // An empty sentence leaves its <cls>; empty sections in the middle and at the end leave nothing.
  EXPECT_THAT(AnchorSections({Section({{20}, {}}), Section({}), Section({{21}}), Section({})}, kIds,
                             {}, {}, 0)
                  .token_ids,
              ElementsAre(7, 8, 3, 20, 3, 8, 3, 21));
  // An empty first section: one more <sec>, however many leading ones are empty.
  EXPECT_THAT(
      AnchorSections({Section({}), Section({}), Section({{20}})}, kIds, {}, {}, 0).token_ids,
      ElementsAre(7, 8, 8, 3, 20));
  EXPECT_THAT(AnchorSections({}, kIds, {}, {}, 0).token_ids, ElementsAre(7, 8));
}

TEST(AnchorSections, AGlobalQueryStandsInFront) {
  const AnchoredSequence row = AnchorSections({Section({{20}})}, kIds, {30, 31}, {}, 0);
  EXPECT_THAT(row.token_ids, ElementsAre(30, 31, 7, 8, 3, 20));
  EXPECT_THAT(row.parents, ElementsAre(2, 2, -1, 2, 3, 4));
  EXPECT_EQ(row.positions[1], (Position{1, 1, 1}));
  auto batch = Pack({&row});
  ASSERT_TRUE(batch.ok()) << batch.status();
  // Document family {30, 31, <doc>, <sec>}: 16 pairs; section family 4, sentence family 4, less the
  // two anchors counted twice.
  EXPECT_EQ(batch->plan->num_pairs(), 16 + 4 + 4 - 2);
}

TEST(AnchorSections, TheLimitCutsAnywhere) {
  for (int limit = 1; limit <= 10; ++limit) {
    const AnchoredSequence row =
        AnchorSections({Section({{20, 21}, {22}}), Section({{23}})}, kIds, {}, {}, limit);
    EXPECT_EQ(row.num_tokens(), limit);
    EXPECT_EQ(row.num_words_seen, 4);
    EXPECT_TRUE(Pack({&row}).ok());
  }
}

TEST(Pack, JoinsDocumentsAndRefusesEmptyOnes) {
  const AnchoredSequence row = AnchorSections({Section({{20}})}, kIds, {}, {}, 0);
  auto batch = Pack({&row, &row});
  ASSERT_TRUE(batch.ok());
  EXPECT_THAT(batch->cu_seqlens, ElementsAre(0, 4, 8));
  const AnchoredSequence empty;
  EXPECT_FALSE(Pack({&row, &empty}).ok());
  EXPECT_FALSE(Pack({}).ok());
}

}  // namespace
}  // namespace strata::models
