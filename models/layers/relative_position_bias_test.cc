#include "models/layers/relative_position_bias.h"

#include <gtest/gtest.h>

#include <cmath>

namespace strata::models {
namespace {

// T5's bucket of a distance key - query; -1 where its formula gives none.
int64_t Bucket(int64_t distance, int64_t buckets, int64_t max_distance, bool bidirectional) {
  int64_t side = 0, length = std::max<int64_t>(-distance, 0);
  if (bidirectional) {
    buckets /= 2;
    side = distance > 0 ? buckets : 0;
    length = std::abs(distance);
  }
  const int64_t exact = buckets / 2;
  if (length < exact) return side + length;
  if (max_distance == exact) return -1;
  const float ratio = std::log(static_cast<float>(length) / static_cast<float>(exact));
  const auto range =
      static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
  const auto large =
      exact + static_cast<int64_t>(ratio / range * static_cast<float>(buckets - exact));
  return large < 0 ? -1 : side + std::min(large, buckets - 1);
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
            const int64_t expected = Bucket(k - q - kBegin, buckets, max_distance, bidirectional);
            const auto given = bias[0][q][k].item<float>();
            if (expected < 0) {
              ASSERT_TRUE(given >= 0 && given < static_cast<float>(buckets));
            } else {
              ASSERT_EQ(given, static_cast<float>(expected))
                  << buckets << " buckets to " << max_distance << ", " << k - q - kBegin;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace strata::models
