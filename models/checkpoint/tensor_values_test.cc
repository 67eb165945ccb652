#include "models/checkpoint/tensor_values.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::models {
namespace {

using ::testing::ElementsAre;

template <typename T>
TensorView ViewOf(TensorType type, const std::vector<T>& values) {
  TensorView view;
  view.type = type;
  view.shape = {static_cast<int64_t>(values.size())};
  view.data = reinterpret_cast<const std::byte*>(values.data());
  view.size_bytes = static_cast<int64_t>(values.size() * sizeof(T));
  return view;
}

template <typename T>
std::vector<T> ValuesOf(const TensorView& view) {
  std::vector<T> values(static_cast<size_t>(view.num_elements()));
  std::memcpy(values.data(), view.data, static_cast<size_t>(view.size_bytes));
  return values;
}

TEST(TensorValues, FloatsBecomeOtherFloats) {
  const std::vector<float> floats = {1.0f, -2.5f, 1.00390625f, 1.01171875f, 3.0e38f, 1e-40f};
  const TensorView bf16 =
      ConvertFloats(ViewOf(TensorType::kFloat32, floats), TensorType::kBFloat16);
  // The third and fourth lie half way between two bfloat16 numbers: to the even one.
  EXPECT_THAT(ValuesOf<uint16_t>(bf16),
              ElementsAre(0x3f80, 0xc020, 0x3f80, 0x3f82, 0x7f62, 0x0001));
  EXPECT_THAT(ValuesOf<float>(ConvertFloats(bf16, TensorType::kFloat32)),
              ElementsAre(1.0f, -2.5f, 1.0f, 1.015625f, testing::FloatNear(3.0e38f, 1e36f),
                          testing::FloatNear(0, 1e-39f)));
  const std::vector<uint16_t> halves = {0x3c00, 0xc500, 0x0001, 0x83ff, 0x7bff, 0x8000};
  EXPECT_THAT(
      ValuesOf<float>(ConvertFloats(ViewOf(TensorType::kFloat16, halves), TensorType::kFloat32)),
      ElementsAre(1.0f, -5.0f, std::ldexp(1.0f, -24), -std::ldexp(1023.0f, -24), 65504.0f, -0.0f));
  const std::vector<double> doubles = {0.1, -1e300};
  EXPECT_THAT(
      ValuesOf<float>(ConvertFloats(ViewOf(TensorType::kFloat64, doubles), TensorType::kFloat32)),
      ElementsAre(0.1f, -std::numeric_limits<float>::infinity()));
}

TEST(TensorValues, WhatNeedsNoConversionIsShared) {
  const std::vector<int64_t> ids = {1, 2};
  const TensorView view = ViewOf(TensorType::kInt64, ids);
  EXPECT_EQ(ConvertFloats(view, TensorType::kBFloat16).data, view.data);
  const std::vector<float> floats = {1};
  EXPECT_EQ(ConvertFloats(ViewOf(TensorType::kFloat32, floats), TensorType::kFloat32).data,
            reinterpret_cast<const std::byte*>(floats.data()));
  for (TensorType type : {TensorType::kFloat16, TensorType::kFloat64, TensorType::kInt64}) {
    EXPECT_EQ(ConvertFloats(ViewOf(TensorType::kFloat32, floats), type).data,
              reinterpret_cast<const std::byte*>(floats.data()));
  }
}

TEST(TensorValues, NanAndInfinityAreFoundInEveryFloatType) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(AllFinite(ViewOf<float>(TensorType::kFloat32, {1, -3e38f, 0})));
  EXPECT_FALSE(AllFinite(ViewOf<float>(TensorType::kFloat32, {1, nan})));
  EXPECT_FALSE(AllFinite(ViewOf<float>(TensorType::kFloat32, {-infinity, 1})));
  EXPECT_FALSE(AllFinite(ViewOf<double>(TensorType::kFloat64, {1, nan})));
  EXPECT_TRUE(AllFinite(ViewOf<double>(TensorType::kFloat64, {1, 1e308})));
  EXPECT_FALSE(AllFinite(ViewOf<uint16_t>(TensorType::kFloat16, {0x3c00, 0x7c00})));
  EXPECT_TRUE(AllFinite(ViewOf<uint16_t>(TensorType::kFloat16, {0x7bff})));
  EXPECT_FALSE(AllFinite(ViewOf<uint16_t>(TensorType::kBFloat16, {0xff80})));
  EXPECT_TRUE(AllFinite(ViewOf<uint16_t>(TensorType::kBFloat16, {0x7f7f})));
  EXPECT_TRUE(AllFinite(ViewOf<int64_t>(TensorType::kInt64, {-1})));
}

}  // namespace
}  // namespace strata::models
