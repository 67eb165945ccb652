#include "models/layers/window_attention.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace strata::models {
namespace {

// A token of the padded, rolled grid: where it came from (-1: padding), and its window and region.
struct Place {
  int64_t source = -1;
  int64_t window = 0, region = 0, row = 0, column = 0;
};

int64_t RegionOf(int64_t place, int64_t size, int64_t window, int64_t shift) {
  if (shift == 0) return 0;
  return place >= size - shift ? 2 : place >= size - window ? 1 : 0;
}

// By the words of the definition, token by token.
std::vector<Place> Places(int64_t height, int64_t width, const WindowSpec& spec) {
  const int64_t padded_height = (height + spec.height - 1) / spec.height * spec.height;
  const int64_t padded_width = (width + spec.width - 1) / spec.width * spec.width;
  std::vector<Place> places;
  for (int64_t y = 0; y < padded_height; ++y) {
    for (int64_t x = 0; x < padded_width; ++x) {
      Place place;
      int64_t from_y = 0, from_x = 0;
      if (spec.padding == WindowPadding::kBeforeShift) {
        from_y = (y + spec.shift_height) % padded_height;
        from_x = (x + spec.shift_width) % padded_width;
        if (from_y < height && from_x < width) place.source = from_y * width + from_x;
      } else if (y < height && x < width) {
        place.source = (y + spec.shift_height) % height * width + (x + spec.shift_width) % width;
      }
      place.window = y / spec.height * 1000 + x / spec.width;
      place.region = 3 * RegionOf(y, padded_height, spec.height, spec.shift_height) +
                     RegionOf(x, padded_width, spec.width, spec.shift_width);
      place.row = y % spec.height;
      place.column = x % spec.width;
      places.push_back(place);
    }
  }
  return places;
}

at::Tensor Naive(const at::Tensor& qkv, int64_t heads, const at::Tensor& table,
                 const at::Tensor& padding, const WindowSpec& spec) {
  const int64_t height = qkv.size(1), width = qkv.size(2), channels = qkv.size(3) / 3;
  const int64_t head = channels / heads;
  at::Tensor out = at::zeros({qkv.size(0), height * width, channels}, at::kDouble);
  const std::vector<Place> places = Places(height, width, spec);
  for (int64_t b = 0; b < qkv.size(0); ++b) {
    const at::Tensor rows = qkv[b].reshape({height * width, 3 * channels}).to(at::kDouble);
    const auto row = [&](const Place& place) {
      return place.source < 0 ? padding.to(at::kDouble) : rows[place.source];
    };
    for (const Place& query : places) {
      if (query.source < 0) continue;
      for (int64_t h = 0; h < heads; ++h) {
        const at::Tensor q = row(query).narrow(0, h * head, head);
        double total = 0;
        at::Tensor sum = at::zeros({head}, at::kDouble);
        for (const Place& key : places) {
          if (key.window != query.window) continue;
          const int64_t offset = (query.row - key.row + spec.height - 1) * (2 * spec.width - 1) +
                                 query.column - key.column + spec.width - 1;
          const double logit = q.dot(row(key).narrow(0, channels + h * head, head)).item<double>() /
                                   std::sqrt(static_cast<double>(head)) +
                               table[offset][h].item<double>() +
                               (key.region == query.region ? 0 : -100);
          total += std::exp(logit);
          sum += std::exp(logit) * row(key).narrow(0, 2 * channels + h * head, head);
        }
        out[b][query.source].narrow(0, h * head, head).copy_(sum / total);
      }
    }
  }
  return out.view({qkv.size(0), height, width, channels});
}

TEST(WindowAttention, EqualsItsDefinition) {
  at::manual_seed(1);
  const WindowSpec specs[] = {
      {.height = 4, .width = 4},
      {.height = 4, .width = 4, .shift_height = 2, .shift_width = 2},
      {.height = 3, .width = 3, .shift_height = 1, .shift_width = 1},
      {.height = 3,
       .width = 3,
       .shift_height = 1,
       .shift_width = 1,
       .padding = WindowPadding::kAfterShift},
      {.height = 4, .width = 2, .shift_height = 0, .shift_width = 1},
      {.height = 5, .width = 3, .shift_height = 2, .shift_width = 1},
  };
  for (const WindowSpec& spec : specs) {
    for (const auto& [height, width] : {std::pair<int64_t, int64_t>{8, 8}, {5, 7}}) {
      const int64_t heads = 2, channels = 6;
      const at::Tensor qkv = at::randn({2, height, width, 3 * channels});
      const at::Tensor table = at::randn({(2 * spec.height - 1) * (2 * spec.width - 1), heads});
      const at::Tensor padding = at::randn({3 * channels});
      const WindowPlan plan = MakeWindowPlan({height, width}, spec);
      at::Tensor probabilities;
      const at::Tensor actual = WindowAttention(qkv, heads, table, padding, plan);
      const at::Tensor spelled_out =
          WindowAttention(qkv, heads, table, padding, plan, &probabilities);
      const at::Tensor expected = Naive(qkv, heads, table, padding, spec);
      ASSERT_EQ(actual.sizes(), expected.sizes());
      EXPECT_LT((actual - expected).abs().max().item<double>(), 1e-5)
          << spec.height << "x" << spec.width << " on " << height << "x" << width;
      EXPECT_LT((spelled_out - expected).abs().max().item<double>(), 1e-5);
    }
  }
}

TEST(WindowAttention, ProbabilitiesSumToOne) {
  at::Tensor probabilities;
  const WindowSpec spec{.height = 4, .width = 4, .shift_height = 2, .shift_width = 2};
  WindowAttention(at::randn({1, 8, 8, 12}), 2, at::randn({49, 2}), {}, MakeWindowPlan({8, 8}, spec),
                  &probabilities);
  ASSERT_EQ(probabilities.sizes(), (std::vector<int64_t>{4, 2, 16, 16}));
  EXPECT_LT((probabilities.sum(-1) - 1).abs().max().item<double>(), 1e-6);
}

TEST(DistantGroups, HoldTokensThatStandApart) {
  const WindowOrder order = DistantGroups({4, 6}, {2, 3});  // 2 x 2 groups of 2 x 3 tokens
  ASSERT_EQ(order.num_windows, 4);
  const at::Tensor groups = order.tokens.view({4, 6});
  for (int64_t group = 0; group < 4; ++group) {
    for (int64_t place = 0; place < 6; ++place) {
      const int64_t row = place / 3 * 2 + group / 2, column = place % 3 * 2 + group % 2;
      EXPECT_EQ(groups[group][place].item<int64_t>(), row * 6 + column);
    }
  }
  const at::Tensor x = at::randn({2, 24, 5});
  EXPECT_TRUE(at::equal(JoinWindows(CutWindows(x, order, {}), order), x));
}

}  // namespace
}  // namespace strata::models
