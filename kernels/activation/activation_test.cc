#include "kernels/activation/activation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/launch/target.h"

namespace strata::kernels {
namespace {

double Expected(Activation activation, double x) {
  switch (activation) {
    case Activation::kRelu:
      return x > 0 ? x : 0;
    case Activation::kRelu6:
      return std::clamp(x, 0.0, 6.0);
    case Activation::kReluSquared:
      return x > 0 ? x * x : 0;
    case Activation::kLeakyRelu:
      return x > 0 ? x : 0.01 * x;
    case Activation::kGelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGelu10:
      return std::min(10.0, 0.5 * x * std::erfc(-x / std::sqrt(2.0)));
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::kMish:
      return x * std::tanh(std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))));
    case Activation::kHardSwish:
      return x * std::clamp(x + 3, 0.0, 6.0) / 6;
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::kLaplace:
      return 0.5 * std::erfc(-(x - 0.707107) / (0.282095 * std::sqrt(2.0)));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kIdentity:
      return x;
  }
  return NAN;
}

constexpr Activation kAll[] = {
    Activation::kRelu,    Activation::kRelu6,    Activation::kReluSquared, Activation::kLeakyRelu,
    Activation::kGelu,    Activation::kGeluTanh, Activation::kGelu10,      Activation::kQuickGelu,
    Activation::kSilu,    Activation::kMish,     Activation::kHardSwish,   Activation::kSigmoid,
    Activation::kLaplace, Activation::kTanh,     Activation::kIdentity};

TEST(ActivationTest, EqualsItsDefinition) {
  ASSERT_TRUE(SelectTarget().ok());
  std::vector<float> inputs = {0.0f, -0.0f, 1e-30f, -1e-30f, 100.0f, -100.0f, 3e38f, -3e38f};
  for (int i = -4000; i <= 4000; ++i) inputs.push_back(static_cast<float>(i) * 0.0031f);
  for (Activation activation : kAll) {
    std::vector<float> y = inputs;
    ActivateRow(activation, y.data(), static_cast<int64_t>(y.size()));
    for (size_t i = 0; i < inputs.size(); ++i) {
      const double expected = Expected(activation, inputs[i]);
      if (std::abs(expected) > std::numeric_limits<float>::max()) {  // relu2 of 3e38
        ASSERT_TRUE(std::isinf(y[i]));
        continue;
      }
      ASSERT_NEAR(y[i], expected, 3e-7 * std::max(1.0, std::abs(expected)))
          << static_cast<int>(activation) << " of " << inputs[i];
    }
  }
}

TEST(ActivationTest, KeepsNaNAndScales) {
  for (Activation activation : kAll) {
    float x[3] = {1.0f, std::numeric_limits<float>::quiet_NaN(), -2.0f};
    ActivateRow(activation, x, 3);
    EXPECT_TRUE(std::isnan(x[1]));
    float y[3] = {1.0f, 0.5f, -2.0f};
    const float factor[3] = {3.0f, 1.0f, -7.0f};
    ActivateAndScaleRow(activation, y, factor, 3);
    EXPECT_EQ(y[0], x[0] * 3.0f);
    EXPECT_EQ(y[2], x[2] * -7.0f);
  }
}

// A value's place among the others, in a whole vector or in the rest, does not change it.
TEST(ActivationTest, ResultDoesNotDependOnThePlace) {
  for (Activation activation : kAll) {
    std::vector<float> row(70, 0.7321f);
    ActivateRow(activation, row.data(), 69);
    for (int i = 1; i < 69; ++i) ASSERT_EQ(row[i], row[0]) << i;
    EXPECT_EQ(row[69], 0.7321f) << "written past the end";
  }
}

}  // namespace
}  // namespace strata::kernels
