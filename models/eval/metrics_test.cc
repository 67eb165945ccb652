#include "models/eval/metrics.h"

#include <cmath>

#include "gtest/gtest.h"

namespace strata::models {
namespace {

TEST(ClassificationMetrics, ByHand) {
  // truth a a a b b c; predicted a a b b c c. scikit-learn: accuracy 4/6, macro F1 0.6555...
  const std::vector<ClassificationOutcome> outcomes = {{0, 0, 0.1, 0}, {0, 0, 0.2, 1},
                                                       {0, 1, 1.5, 1}, {1, 1, 0.4, 2},
                                                       {1, 2, 2.0, 3}, {2, 2, 0.3, 4}};
  const ClassificationMetrics metrics = ComputeClassificationMetrics({"a", "b", "c"}, outcomes);
  EXPECT_EQ(metrics.num_documents, 5);
  EXPECT_EQ(metrics.num_labels, 6);
  EXPECT_DOUBLE_EQ(metrics.accuracy, 4.0 / 6.0);
  EXPECT_NEAR(metrics.macro_f1, (0.8 + 0.5 + 2.0 / 3.0) / 3, 1e-12);
  EXPECT_NEAR(metrics.mean_log_loss, 4.5 / 6, 1e-12);
  EXPECT_EQ(metrics.classes[1].support, 2);
  EXPECT_DOUBLE_EQ(metrics.classes[2].precision, 0.5);
  EXPECT_EQ(metrics.confusion[0][1], 1);
}

TEST(ClassificationMetrics, AbsentClassesDoNotCount) {
  const ClassificationMetrics metrics = ComputeClassificationMetrics({"a", "b"}, {{0, 0, 0.0}});
  EXPECT_DOUBLE_EQ(metrics.macro_f1, 1.0);
  EXPECT_EQ(metrics.classes[1].support, 0);
  EXPECT_EQ(ComputeClassificationMetrics({"a"}, {}).accuracy, 0.0);
}

// Of n independent outcomes with accuracy p the interval is about p ± 1.96 sqrt(p (1 - p) / n).
TEST(BootstrapIntervals, AreThoseOfTheBinomialForSingleOutcomes) {
  std::vector<ClassificationOutcome> outcomes;
  for (int64_t i = 0; i < 400; ++i) outcomes.push_back({0, i % 5 == 0 ? 1 : 0, 0, i});
  const ClassificationIntervals intervals = BootstrapIntervals(2, outcomes, 2000);
  EXPECT_NEAR(intervals.accuracy.low, 0.8 - 1.96 * 0.02, 0.006);
  EXPECT_NEAR(intervals.accuracy.high, 0.8 + 1.96 * 0.02, 0.006);
  EXPECT_LT(intervals.macro_f1.low, intervals.macro_f1.high);
}

// Outcomes of one document are drawn together: ten equal ones tell no more than one.
TEST(BootstrapIntervals, DrawDocumentsNotOutcomes) {
  std::vector<ClassificationOutcome> alone, together;
  for (int64_t i = 0; i < 40; ++i) {
    alone.push_back({0, i % 4 == 0 ? 1 : 0, 0, i});
    for (int n = 0; n < 10; ++n) together.push_back(alone.back());
  }
  const Interval expected = BootstrapIntervals(2, alone).accuracy;
  const Interval found = BootstrapIntervals(2, together).accuracy;
  EXPECT_DOUBLE_EQ(found.low, expected.low);
  EXPECT_DOUBLE_EQ(found.high, expected.high);
  EXPECT_EQ(BootstrapIntervals(2, {}).accuracy.high, 0);
}

}  // namespace
}  // namespace strata::models
