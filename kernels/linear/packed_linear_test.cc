// The packed product against plain loops in double, for every remainder of rows, outputs and
// inputs, and the promise that a row does not depend on its neighbours.
#include "kernels/linear/packed_linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace strata::kernels {
namespace {

std::vector<float> Normal(size_t count, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

struct Case {
  int rows, outputs, inputs;
  bool has_bias = true;
};

// start + W x + bias in double.
std::vector<double> Expected(const Case& c, const std::vector<float>& x,
                             const std::vector<float>& weight, const std::vector<float>& bias,
                             const std::vector<float>* start) {
  std::vector<double> y(static_cast<size_t>(c.rows) * c.outputs);
  for (int r = 0; r < c.rows; ++r) {
    for (int n = 0; n < c.outputs; ++n) {
      double sum = start != nullptr ? (*start)[r * c.outputs + n] : 0.0;
      if (c.has_bias) sum += bias[n];
      for (int k = 0; k < c.inputs; ++k) {
        sum += double{x[r * c.inputs + k]} * weight[n * c.inputs + k];
      }
      y[r * c.outputs + n] = sum;
    }
  }
  return y;
}

double LargestError(const std::vector<float>& actual, const std::vector<double>& expected) {
  double largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double error = std::abs(actual[i] - expected[i]);
    largest = std::isnan(error) ? INFINITY : std::max(largest, error);
  }
  return largest;
}

PackedLinear Packed(const Case& c, const std::vector<float>& weight,
                    const std::vector<float>& bias) {
  ThreadPool pool(2);
  auto packed = PackedLinear::Pack(weight.data(), c.has_bias ? bias.data() : nullptr, c.outputs,
                                   c.inputs, pool);
  EXPECT_TRUE(packed.ok()) << packed.status();
  return *std::move(packed);
}

void ExpectEqualsReference(const Case& c) {
  SCOPED_TRACE(testing::Message() << c.rows << " rows, " << c.inputs << " to " << c.outputs);
  const std::vector<float> x = Normal(size_t{1} * c.rows * c.inputs, 1);
  const std::vector<float> weight = Normal(size_t{1} * c.outputs * c.inputs, 2);
  const std::vector<float> bias = Normal(c.outputs, 3);
  const PackedLinear linear = Packed(c, weight, bias);
  const double tolerance = 2e-6 * std::sqrt(c.inputs) * 4;

  std::vector<float> y(size_t{1} * c.rows * c.outputs, NAN);
  linear.Apply({x.data(), c.inputs, y.data(), c.outputs, c.rows}, false);
  EXPECT_LE(LargestError(y, Expected(c, x, weight, bias, nullptr)), tolerance);

  const std::vector<float> start = Normal(y.size(), 4);
  std::vector<float> accumulated = start;
  linear.Apply({x.data(), c.inputs, accumulated.data(), c.outputs, c.rows}, true);
  EXPECT_LE(LargestError(accumulated, Expected(c, x, weight, bias, &start)), tolerance);

  std::vector<float> by_blocks = start;
  for (int block = 0; block < linear.num_blocks(); ++block) {
    linear.AccumulateBlock(
        {x.data() + block * PackedLinear::kBlock, c.inputs, by_blocks.data(), c.outputs, c.rows},
        block);
  }
  EXPECT_EQ(by_blocks, accumulated);
}

TEST(PackedLinearTest, EqualsReferenceForEveryRemainder) {
  for (int rows = 1; rows <= 27; ++rows) ExpectEqualsReference({rows, 40, 33});
  for (int outputs = 1; outputs <= 70; ++outputs) ExpectEqualsReference({5, outputs, 17});
  for (int inputs : {1, 2, 3, 31, 383, 384, 385, 767, 769, 1200}) {
    ExpectEqualsReference({7, 50, inputs});
    ExpectEqualsReference({7, 50, inputs, /*has_bias=*/false});
  }
  ExpectEqualsReference({130, 400, 800});
}

TEST(PackedLinearTest, SomeOutputsEqualAll) {
  const Case c{9, 1000, 100};
  const std::vector<float> x = Normal(9 * 100, 1), weight = Normal(1000 * 100, 2),
                           bias = Normal(1000, 3);
  const PackedLinear linear = Packed(c, weight, bias);
  std::vector<float> all(9 * 1000);
  linear.Apply({x.data(), 100, all.data(), 1000, 9}, false);
  for (int begin = 0; begin < 1000; begin += PackedLinear::kBlock) {
    const int end = std::min(1000, begin + PackedLinear::kBlock);
    std::vector<float> some(9 * PackedLinear::kBlock, NAN);
    linear.ApplyToOutputs({x.data(), 100, some.data(), PackedLinear::kBlock, 9}, begin, end);
    for (int r = 0; r < 9; ++r) {
      for (int n = begin; n < end; ++n) {
        ASSERT_EQ(some[r * PackedLinear::kBlock + n - begin], all[r * 1000 + n]);
      }
      if (end - begin < PackedLinear::kBlock) {
        EXPECT_TRUE(std::isnan(some[r * PackedLinear::kBlock + end - begin]))
            << "written past the last output";
      }
    }
  }
}

TEST(PackedLinearTest, RowsDoNotDependOnTheirNeighbours) {
  const Case c{64, 90, 500};
  const std::vector<float> x = Normal(64 * 500, 1), weight = Normal(90 * 500, 2),
                           bias = Normal(90, 3);
  const PackedLinear linear = Packed(c, weight, bias);
  std::vector<float> together(64 * 90);
  linear.Apply({x.data(), 500, together.data(), 90, 64}, false);
  for (int rows = 1; rows <= 20; ++rows) {
    std::vector<float> few(rows * 90);
    const int first = 64 - rows;
    linear.Apply({x.data() + first * 500, 500, few.data(), 90, rows}, false);
    EXPECT_EQ(few, std::vector<float>(together.begin() + first * 90, together.end())) << rows;
  }
}

TEST(PackedLinearTest, RefusesSizesThatAreNone) {
  ThreadPool pool(1);
  const float weight[4] = {};
  const auto message = [&](const float* w, int64_t outputs, int64_t inputs) {
    return std::string(PackedLinear::Pack(w, nullptr, outputs, inputs, pool).status().message());
  };
  EXPECT_THAT(message(weight, 0, 4), testing::HasSubstr("[0, 4]"));
  EXPECT_THAT(message(weight, 2, -2), testing::HasSubstr("[2, -2]"));
  EXPECT_THAT(message(nullptr, 2, 2), testing::HasSubstr("null"));
}

}  // namespace
}  // namespace strata::kernels
