#include "models/eval/metrics.h"

#include <cmath>

#include "gtest/gtest.h"

namespace strata::models {
namespace {

TEST(ClassificationMetrics, ByHand) {
  // truth a a a b b c; predicted a a b b c c. scikit-learn: accuracy 4/6, macro F1 0.6555...
  const std::vector<ClassificationOutcome> outcomes = {{0, 0, 0.1}, {0, 0, 0.2}, {0, 1, 1.5},
                                                       {1, 1, 0.4}, {1, 2, 2.0}, {2, 2, 0.3}};
  const ClassificationMetrics metrics = ComputeClassificationMetrics({"a", "b", "c"}, outcomes);
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

}  // namespace
}  // namespace strata::models
