// The packed product against plain loops in double, for every type of weights and every remainder
// of rows, outputs and inputs, and the promise that a row does not depend on its neighbours.
#include "kernels/linear/packed_linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "kernels/launch/target.h"

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
  WeightType type = WeightType::kFloat32;
  const NativeTile* native = nullptr;
};

float RoundedToBFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000u;
  std::memcpy(&value, &bits, sizeof(bits));
  return value;
}

// What kInt8 makes of a row of inputs or weights: 8 bits with a scale for each block.
void RoundTo8Bits(float* row, int inputs) {
  for (int first = 0; first < inputs; first += PackedLinear::kBlock) {
    const int end = std::min(inputs, first + PackedLinear::kBlock);
    float largest = 0;
    for (int i = first; i < end; ++i) largest = std::max(largest, std::abs(row[i]));
    const float to_integer = largest > 0 ? 127.0f / largest : 0.0f;
    for (int i = first; i < end; ++i) {
      row[i] = std::nearbyintf(row[i] * to_integer) * (largest / 127.0f);
    }
  }
}

// Inputs or weights [rows, inputs] as the arithmetic of the case sees them.
std::vector<float> Seen(const Case& c, std::vector<float> values, bool is_weight) {
  if (c.type == WeightType::kBFloat16 && (is_weight || c.native != nullptr)) {
    for (float& value : values) value = RoundedToBFloat16(value);
  }
  if (c.type == WeightType::kInt8) {
    for (size_t row = 0; row < values.size(); row += c.inputs) RoundTo8Bits(&values[row], c.inputs);
  }
  return values;
}

float ValueOf(uint16_t bfloat16) {
  const uint32_t bits = uint32_t{bfloat16} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
float ValueOf(uint8_t byte) { return byte; }
float ValueOf(int8_t byte) { return byte; }

// What a native tile does, in plain loops, so that the code around it is tested on any processor.
template <typename Input, typename Weight, int kRows>
void EmulatedTile(const void* x, ptrdiff_t x_stride, const void* panel, int groups, float* sums) {
  constexpr int kTogether = NativeTile::kGroupBytes / sizeof(Input);
  for (int r = 0; r < kRows; ++r) {
    const auto* inputs = reinterpret_cast<const Input*>(static_cast<const char*>(x) + r * x_stride);
    for (int column = 0; column < NativeTile::kPanelWidth; ++column) {
      double sum = 0;
      for (int i = 0; i < groups * kTogether; ++i) {
        const int at =
            (i / kTogether * NativeTile::kPanelWidth + column) * kTogether + i % kTogether;
        sum += double{ValueOf(inputs[i])} * ValueOf(static_cast<const Weight*>(panel)[at]);
      }
      sums[r * NativeTile::kPanelWidth + column] = static_cast<float>(sum);
    }
  }
}

constexpr NativeTile kTiles[] = {
    {12, false, EmulatedTile<uint16_t, uint16_t, 12>, nullptr, nullptr},
    {32, false, EmulatedTile<uint16_t, uint16_t, 32>, nullptr, nullptr},
    {12, true, EmulatedTile<uint8_t, int8_t, 12>, nullptr, nullptr},
    {32, false, EmulatedTile<int8_t, int8_t, 32>, nullptr, nullptr},
};

// start + W x + bias in double.
std::vector<double> Expected(const Case& c, const std::vector<float>& all_x,
                             const std::vector<float>& all_weight, const std::vector<float>& bias,
                             const std::vector<float>* start) {
  const std::vector<float> x = Seen(c, all_x, false), weight = Seen(c, all_weight, true);
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
  EXPECT_TRUE(SelectTarget().ok());
  auto packed = PackedLinear::PackFor(c.native, weight.data(), c.has_bias ? bias.data() : nullptr,
                                      c.outputs, c.inputs, c.type, pool);
  EXPECT_TRUE(packed.ok()) << packed.status();
  return *std::move(packed);
}

constexpr WeightType kAllTypes[] = {WeightType::kFloat32, WeightType::kBFloat16, WeightType::kInt8};

void ExpectEqualsReference(Case c, WeightType type, const NativeTile* native = nullptr) {
  c.type = type;
  c.native = native;
  SCOPED_TRACE(testing::Message() << c.rows << " rows, " << c.inputs << " to " << c.outputs
                                  << ", type " << static_cast<int>(type)
                                  << (native != nullptr ? ", native" : ""));
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
  for (WeightType type : kAllTypes) {
    for (int rows = 1; rows <= 27; ++rows) ExpectEqualsReference({rows, 40, 33}, type);
    for (int outputs = 1; outputs <= 70; ++outputs) ExpectEqualsReference({5, outputs, 17}, type);
    for (int inputs : {1, 2, 3, 31, 383, 384, 385, 767, 769, 1200}) {
      ExpectEqualsReference({7, 50, inputs}, type);
      ExpectEqualsReference({7, 50, inputs, /*has_bias=*/false}, type);
    }
    ExpectEqualsReference({150, 400, 800}, type);
  }
}

TEST(PackedLinearTest, NativeTilesEqualReferenceForEveryRemainder) {
  for (const NativeTile& tile : kTiles) {
    const WeightType type = &tile < kTiles + 2 ? WeightType::kBFloat16 : WeightType::kInt8;
    for (int rows : {1, 11, 12, 13, 31, 32, 33}) ExpectEqualsReference({rows, 40, 33}, type, &tile);
    for (int outputs : {1, 31, 32, 33, 64, 70})
      ExpectEqualsReference({5, outputs, 17}, type, &tile);
    for (int inputs : {1, 2, 3, 4, 5, 63, 64, 65, 383, 384, 385, 769}) {
      ExpectEqualsReference({7, 50, inputs}, type, &tile);
    }
    ExpectEqualsReference({150, 400, 800, /*has_bias=*/false}, type, &tile);
  }
}

// Those of this processor, where it has any; STRATA_TARGET must leave them.
TEST(PackedLinearTest, TilesOfThisProcessorEqualReference) {
  ASSERT_TRUE(SelectTarget().ok());
  for (WeightType type : {WeightType::kBFloat16, WeightType::kInt8}) {
    const NativeTile* tile = ActiveNativeTile(type);
    if (tile == nullptr) continue;
    for (int rows = 1; rows <= 40; ++rows) ExpectEqualsReference({rows, 40, 33}, type, tile);
    ExpectEqualsReference({150, 400, 800}, type, tile);
  }
}

// The loss of 8 bits, on values that are normally distributed: below 1.5 % of the outputs' size.
TEST(PackedLinearTest, RoundedWeightsAreNear) {
  const Case c{50, 200, 768, /*has_bias=*/false};
  const std::vector<float> x = Normal(50 * 768, 1), weight = Normal(200 * 768, 2);
  const std::vector<double> expected = Expected(c, x, weight, {}, nullptr);
  double size = 0;
  for (double value : expected) size += value * value;
  for (const auto& [type, most] :
       {std::pair(WeightType::kBFloat16, 0.003), std::pair(WeightType::kInt8, 0.015)}) {
    Case rounded = c;
    rounded.type = type;
    std::vector<float> y(50 * 200);
    Packed(rounded, weight, {}).Apply({x.data(), 768, y.data(), 200, 50}, false);
    double error = 0;
    for (size_t i = 0; i < y.size(); ++i) error += std::pow(y[i] - expected[i], 2);
    EXPECT_LE(std::sqrt(error / size), most);
    EXPECT_GT(error, 0);
  }
}

TEST(PackedLinearTest, NotANumberStaysInItsRow) {
  for (WeightType type : kAllTypes) {
    Case c{8, 20, 400};
    c.type = type;
    std::vector<float> x = Normal(8 * 400, 1);
    x[3 * 400 + 399] = NAN;
    x[5 * 400] = INFINITY;
    const PackedLinear linear = Packed(c, Normal(20 * 400, 2), Normal(20, 3));
    std::vector<float> y(8 * 20);
    linear.Apply({x.data(), 400, y.data(), 20, 8}, false);
    for (int r = 0; r < 8; ++r) {
      for (int n = 0; n < 20; ++n) ASSERT_EQ(std::isfinite(y[r * 20 + n]), r != 3 && r != 5) << r;
    }
  }
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
  for (WeightType type : kAllTypes) {
    Case c{160, 90, 500};
    c.type = type;
    const std::vector<float> x = Normal(160 * 500, 1);
    const PackedLinear linear = Packed(c, Normal(90 * 500, 2), Normal(90, 3));
    std::vector<float> together(160 * 90);
    linear.Apply({x.data(), 500, together.data(), 90, 160}, false);
    for (int rows = 1; rows <= 20; ++rows) {
      std::vector<float> few(rows * 90);
      const int first = 160 - rows;
      linear.Apply({x.data() + first * 500, 500, few.data(), 90, rows}, false);
      EXPECT_EQ(few, std::vector<float>(together.begin() + first * 90, together.end())) << rows;
    }
  }
}

TEST(PackedLinearTest, RefusesSizesThatAreNone) {
  ThreadPool pool(1);
  const float weight[4] = {};
  const auto message = [&](const float* w, int64_t outputs, int64_t inputs) {
    return std::string(PackedLinear::Pack(w, nullptr, outputs, inputs, WeightType::kFloat32, pool)
                           .status()
                           .message());
  };
  EXPECT_THAT(message(weight, 0, 4), testing::HasSubstr("[0, 4]"));
  EXPECT_THAT(message(weight, 2, -2), testing::HasSubstr("[2, -2]"));
  EXPECT_THAT(message(nullptr, 2, 2), testing::HasSubstr("null"));
}

}  // namespace
}  // namespace strata::kernels
