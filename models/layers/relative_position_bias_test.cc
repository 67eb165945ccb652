#include "models/layers/relative_position_bias.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace strata::models {
namespace {

// T5's bucket of a distance key - query, and the other one where rounding decides.
struct Buckets {
  int64_t bucket, other;  // -1: its formula gives none
};

Buckets BucketOf(int64_t distance, int64_t buckets, int64_t max_distance, bool bidirectional) {
  int64_t side = 0, length = std::max<int64_t>(-distance, 0);
  if (bidirectional) {
    buckets /= 2;
    side = distance > 0 ? buckets : 0;
    length = std::abs(distance);
  }
  const int64_t exact = buckets / 2;
  if (length < exact) return {side + length, side + length};
  if (max_distance == exact) return {-1, -1};
  const auto relative_log = [&](int64_t value) {
    return std::log(static_cast<double>(value) / static_cast<double>(exact));
  };
  const double scaled =
      relative_log(length) / relative_log(max_distance) * static_cast<double>(buckets - exact);
  const auto bucket = [&](double value) {
    const int64_t large = exact + static_cast<int64_t>(value);
    return large < 0 ? -1 : side + std::min(large, buckets - 1);
  };
  return {bucket(scaled - 1e-5), bucket(scaled + 1e-5)};
}

TEST(RelativePositionBias, FollowsTheFormulaAndNeverLeavesTheTable) {
  constexpr int64_t kQueries = 40, kKeys = 45, kBegin = 3;
  for (bool bidirectional : {true, false}) {
    for (int64_t buckets : {2, 3, 4, 5, 8, 32}) {
      if (bidirectional && buckets < 4) continue;
      for (int64_t max_distance : {1, 2, 7, 8, 16, 20, 128}) {
        const at::Tensor table = at::arange(buckets, at::kFloat).unsqueeze(1);
        const at::Tensor bias =
            RelativePositionBias(table, kQueries, kKeys, bidirectional, max_distance, kBegin);
        ASSERT_EQ(bias.sizes(), (at::IntArrayRef{1, kQueries, kKeys}));
        for (int64_t q = 0; q < kQueries; ++q) {
          for (int64_t k = 0; k < kKeys; ++k) {
            const Buckets expected = BucketOf(k - q - kBegin, buckets, max_distance, bidirectional);
            const auto given = static_cast<int64_t>(bias[0][q][k].item<float>());
            ASSERT_TRUE(given >= 0 && given < buckets);
            if (expected.bucket < 0 || expected.other < 0) continue;
            ASSERT_TRUE(given == expected.bucket || given == expected.other)
                << buckets << " buckets to " << max_distance << ", " << k - q - kBegin << ": "
                << given << ", not " << expected.bucket;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace strata::models
