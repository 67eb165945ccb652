#include "models/dinat/neighborhood_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace strata::models {
namespace {

struct Key {
  int64_t place;   // on the axis
  int64_t offset;  // key - query in units of the dilation
};

// By the words of the definition.
std::vector<Key> Neighborhood(int64_t length, int64_t kernel, int64_t dilation, int64_t place) {
  const int64_t residue = place % dilation, index = place / dilation;
  const int64_t count = (length - residue + dilation - 1) / dilation;
  const int64_t start = std::min(std::max(index - kernel / 2, int64_t{0}), count - kernel);
  std::vector<Key> keys;
  for (int64_t t = 0; t < kernel; ++t) {
    keys.push_back({residue + dilation * (start + t), start + t - index});
  }
  return keys;
}

at::Tensor Naive(const at::Tensor& qkv, int64_t heads, const at::Tensor& bias, Extent grid,
                 int64_t kernel, int64_t dilation) {
  const int64_t channels = qkv.size(2) / 3, size = channels / heads;
  const at::Tensor parts = qkv.to(at::kDouble).view({qkv.size(0), grid.area(), 3, heads, size});
  at::Tensor out = at::zeros({qkv.size(0), grid.area(), heads, size}, at::kDouble);
  for (int64_t row = 0; row < grid.height; ++row) {
    for (int64_t column = 0; column < grid.width; ++column) {
      const at::Tensor q = parts.select(1, row * grid.width + column).select(1, 0);
      std::vector<at::Tensor> scores, values;
      for (const Key& y : Neighborhood(grid.height, kernel, dilation, row)) {
        for (const Key& x : Neighborhood(grid.width, kernel, dilation, column)) {
          const at::Tensor key = parts.select(1, y.place * grid.width + x.place);
          scores.push_back((q * key.select(1, 1)).sum(-1) / std::sqrt(static_cast<double>(size)) +
                           bias.select(1, y.offset + kernel - 1)
                               .select(1, x.offset + kernel - 1)
                               .to(at::kDouble));
          values.push_back(key.select(1, 2));
        }
      }
      const at::Tensor weights = at::softmax(at::stack(scores, -1), -1);  // [B, heads, K·K]
      out.select(1, row * grid.width + column)
          .copy_((weights.unsqueeze(-1) * at::stack(values, 2)).sum(2));
    }
  }
  return out.view({qkv.size(0), grid.area(), channels});
}

TEST(NeighborhoodAttention, EqualsItsDefinition) {
  at::manual_seed(1);
  struct Case {
    Extent grid;
    int64_t kernel, dilation;
  };
  const Case cases[] = {{{7, 7}, 7, 1},   {{5, 9}, 3, 1},   {{20, 17}, 5, 1}, {{9, 10}, 3, 3},
                        {{14, 11}, 3, 2}, {{23, 12}, 3, 4}, {{6, 30}, 3, 2},  {{4, 4}, 1, 3}};
  for (const Case& c : cases) {
    const at::Tensor qkv = at::randn({2, c.grid.area(), 3 * 6});
    const at::Tensor bias = at::randn({2, 2 * c.kernel - 1, 2 * c.kernel - 1});
    const NeighborhoodPlan plan = MakeNeighborhoodPlan(c.grid, c.kernel, c.dilation);
    const at::Tensor actual = NeighborhoodAttention(qkv, 2, bias, plan);
    const at::Tensor expected = Naive(qkv, 2, bias, c.grid, c.kernel, c.dilation);
    ASSERT_EQ(actual.sizes(), expected.sizes());
    EXPECT_LT((actual - expected).abs().max().item<double>(), 1e-5)
        << c.grid.height << " x " << c.grid.width << ", kernel " << c.kernel << ", dilation "
        << c.dilation;
  }
}

TEST(NeighborhoodAttention, GradientsReachQueriesKeysValuesAndBias) {
  at::manual_seed(2);
  at::Tensor qkv = at::randn({1, 35, 12}).requires_grad_(true);
  at::Tensor bias = at::randn({2, 5, 5}).requires_grad_(true);
  NeighborhoodAttention(qkv, 2, bias, MakeNeighborhoodPlan({5, 7}, 3, 1)).square().sum().backward();
  EXPECT_GT(qkv.grad().abs().min().item<double>(), 0);
  EXPECT_GT(bias.grad().abs().min().item<double>(), 0);
}

}  // namespace
}  // namespace strata::models
