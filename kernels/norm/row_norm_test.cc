#include "kernels/norm/row_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/launch/target.h"

namespace strata::kernels {
namespace {

TEST(RowNormTest, EqualsItsDefinition) {
  ASSERT_TRUE(SelectTarget().ok());
  std::mt19937_64 generator(5);
  std::normal_distribution<float> normal(3.0f, 2.0f);
  for (NormKind kind : {NormKind::kLayerNorm, NormKind::kRmsNorm}) {
    for (int size : {1, 2, 7, 8, 31, 64, 65, 768, 1001}) {
      const int rows = 3, stride = size + 5;
      std::vector<float> x(rows * stride), weight(size), bias(size);
      for (float& value : x) value = normal(generator);
      for (float& value : weight) value = normal(generator);
      for (float& value : bias) value = normal(generator);
      const RowNorm norm{kind, weight.data(), kind == NormKind::kLayerNorm ? bias.data() : nullptr,
                         1e-5f, size};
      std::vector<float> out(rows * stride, -1.0f);
      NormalizeRows(norm, x.data(), stride, rows, out.data(), stride);
      for (int r = 0; r < rows; ++r) {
        double mean = 0, variance = 0;
        for (int i = 0; i < size && kind == NormKind::kLayerNorm; ++i) {
          mean += x[r * stride + i] / double(size);
        }
        for (int i = 0; i < size; ++i) variance += std::pow(x[r * stride + i] - mean, 2) / size;
        for (int i = 0; i < size; ++i) {
          const double expected =
              (x[r * stride + i] - mean) / std::sqrt(variance + 1e-5) * weight[i] +
              (kind == NormKind::kLayerNorm ? bias[i] : 0.0f);
          ASSERT_NEAR(out[r * stride + i], expected, 2e-5) << size;
        }
        EXPECT_EQ(out[r * stride + size], -1.0f) << "written past the row";
      }
      NormalizeRows(norm, x.data(), stride, rows, x.data(), stride);
      for (int r = 0; r < rows; ++r) {
        for (int i = 0; i < size; ++i) ASSERT_EQ(x[r * stride + i], out[r * stride + i]);
      }
    }
  }
}

}  // namespace
}  // namespace strata::kernels
