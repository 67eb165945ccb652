#include "models/heads/extractive_summary.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::models {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Five sentences; the second says what the fourth says, by words, and the third what the fifth
// says, by its vector.
ExtractCandidates Candidates() {
  ExtractCandidates candidates;
  candidates.weights = {0.1f, 0.3f, 0.2f, 0.35f, 0.05f};
  candidates.num_words = {4, 5, 12, 6, 3};
  candidates.token_ids = {
      {1, 2, 3, 4}, {10, 11, 12, 13, 14}, {20, 21}, {10, 11, 12, 13, 15}, {30, 31}};
  candidates.vectors = at::tensor({1.f, 0.f, 0.f,   //
                                   0.f, 1.f, 0.f,   //
                                   0.f, 0.f, 1.f,   //
                                   0.f, -1.f, 0.f,  //
                                   0.f, 0.f, 1.1f})
                           .view({5, 3});
  return candidates;
}

TEST(ExtractSentences, TakesTheHeaviestInDocumentOrder) {
  EXPECT_THAT(ExtractSentences(Candidates(), {.max_sentences = 3}), ElementsAre(1, 2, 3));
  EXPECT_THAT(ExtractSentences(Candidates(), {}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(ExtractSentences({}, {}), IsEmpty());
}

TEST(ExtractSentences, KeepsTheWordBudgetAndFillsItWithWhatFits) {
  // 6 (the fourth) + 5 (the second); the third no longer fits, the first does.
  EXPECT_THAT(ExtractSentences(Candidates(), {.max_words = 15}), ElementsAre(0, 1, 3));
  EXPECT_THAT(ExtractSentences(Candidates(), {.max_words = 2}), IsEmpty());
}

TEST(ExtractSentences, LeavesOutWhatWasSaid) {
  const ExtractCandidates candidates = Candidates();
  EXPECT_NEAR(SentenceSimilarity(candidates, 1, 3), 0.8, 1e-6);  // four of five words
  EXPECT_GT(SentenceSimilarity(candidates, 2, 4), 0.95);         // nearly one direction
  EXPECT_LT(SentenceSimilarity(candidates, 0, 1), 0.5);
  EXPECT_THAT(ExtractSentences(candidates, {.max_similarity = 0.7}), ElementsAre(0, 2, 3));
  EXPECT_THAT(ExtractSentences(candidates, {.max_sentences = 2, .max_similarity = 0.7}),
              ElementsAre(2, 3));
}

TEST(CentralityWeights, FavoursTheMiddleAndSumsToOne) {
  const std::vector<float> weights =
      CentralityWeights(at::tensor({1.f, 0.1f, 1.f, 0.f, 1.f, -0.1f, -1.f, 0.f}).view({4, 2}));
  EXPECT_GT(weights[1], weights[0]);
  EXPECT_EQ(weights[3], 0);
  EXPECT_NEAR(weights[0] + weights[1] + weights[2], 1, 1e-6);
  EXPECT_THAT(CentralityWeights(at::zeros({2, 3})), ElementsAre(0.5f, 0.5f));
}

}  // namespace
}  // namespace strata::models
