#include "models/eval/rouge.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "models/eval/porter_stemmer.h"

namespace strata::models {
namespace {

// tests/foreign/rouge_parity compares thousands with the package; these are worked out by hand.
TEST(Rouge, ByHand) {
  // Five of six words and three of five pairs; "the cat the mat" or "cat on the mat" in order.
  const RougeScores scores =
      ComputeRouge("The cat sat on the mat", "The cat and the dog sat on mats");
  EXPECT_DOUBLE_EQ(scores.rouge1.recall, 6.0 / 6);
  EXPECT_DOUBLE_EQ(scores.rouge1.precision, 6.0 / 8);
  EXPECT_DOUBLE_EQ(scores.rouge2.recall, 2.0 / 5);
  EXPECT_DOUBLE_EQ(scores.rouge2.precision, 2.0 / 7);
  EXPECT_DOUBLE_EQ(scores.rouge_l.recall, 5.0 / 6);
  EXPECT_DOUBLE_EQ(scores.rouge_l.precision, 5.0 / 8);
  EXPECT_DOUBLE_EQ(scores.rouge1.f1, 2 * 0.75 / 1.75);
  EXPECT_DOUBLE_EQ(scores.rouge_l_sum.recall, scores.rouge_l.recall) << "one line each";
}

TEST(Rouge, SentencesInAnotherOrderOnlyCountByLines) {
  const RougeScores scores =
      ComputeRouge("one two three\nfour five six", "four five six\none two three");
  EXPECT_DOUBLE_EQ(scores.rouge_l.f1, 0.5);
  EXPECT_DOUBLE_EQ(scores.rouge_l_sum.f1, 1);
}

TEST(Rouge, NothingScoresNothing) {
  EXPECT_EQ(ComputeRouge("", "a word").rouge1.f1, 0);
  EXPECT_EQ(ComputeRouge("a word", " ... ").rouge_l_sum.f1, 0);
  EXPECT_EQ(ComputeRouge("a", "a").rouge2.f1, 0);
}

TEST(Rouge, MeansAndTheirIntervals) {
  std::vector<RougeScores> scores(100);
  for (size_t i = 0; i < scores.size(); ++i) scores[i].rouge1.f1 = i % 2 == 0 ? 0.2 : 0.4;
  const RougeReport report = SummarizeRouge(scores);
  EXPECT_NEAR(report.mean.rouge1.f1, 0.3, 1e-12);
  EXPECT_NEAR(report.rouge1.low, 0.3 - 1.96 * 0.01, 0.004);
  EXPECT_NEAR(report.rouge1.high, 0.3 + 1.96 * 0.01, 0.004);
  EXPECT_EQ(SummarizeRouge({}).mean.rouge1.f1, 0);
}

TEST(PorterStem, Words) {
  for (const auto& [word, stem] : {std::pair("relational", "relat"),
                                   {"caresses", "caress"},
                                   {"ties", "tie"},
                                   {"hopping", "hop"},
                                   {"hoping", "hope"},
                                   {"happy", "happi"},
                                   {"enjoy", "enjoy"},
                                   {"skies", "sky"},
                                   {"generalizations", "gener"},
                                   {"geology", "geolog"},
                                   {"4th", "4th"},
                                   {"is", "is"}}) {
    EXPECT_EQ(PorterStem(word), stem) << word;
  }
}

}  // namespace
}  // namespace strata::models
