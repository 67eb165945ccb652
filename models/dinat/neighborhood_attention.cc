#include "models/dinat/neighborhood_attention.h"

#include <algorithm>

#include "models/layers/window_attention.h"

namespace strata::models {
namespace {

// Queries of a tile on one axis: enough to share their keys, few enough to waste little on them.
constexpr int64_t kTile = 8;
constexpr double kHidden = -1e30;  // vanishes in the softmax, and stays a number

// One axis of a residue class cut into tiles. The last tile may overlap the one before it.
struct Axis {
  int64_t length, kernel;
  int64_t tile = std::min(length, kTile);
  int64_t span = std::min(length, tile + kernel - 1);

  int64_t num_tiles() const { return (length + tile - 1) / tile; }
  int64_t QueryBegin(int64_t i) const { return std::min(i * tile, length - tile); }
  int64_t KeyBegin(int64_t i) const {
    return std::clamp(QueryBegin(i) - kernel / 2, int64_t{0}, length - span);
  }
  // The tile that answers for a query.
  int64_t TileOf(int64_t query) const { return std::min(query / tile, num_tiles() - 1); }
  // Offset key - query in 0 … 2K-2, or -1 if the query does not see the key.
  int64_t Offset(int64_t query, int64_t key) const {
    const int64_t start = std::clamp(query - kernel / 2, int64_t{0}, length - kernel);
    return key >= start && key < start + kernel ? key - query + kernel - 1 : -1;
  }
};

// Residues first … last - 1 of one axis, which have the same length.
struct Residues {
  int64_t first, last, length;
};

std::vector<Residues> ResiduesOf(int64_t length, int64_t dilation) {
  const int64_t longer = length % dilation;
  std::vector<Residues> residues;
  if (longer > 0) residues.push_back({0, longer, length / dilation + 1});
  residues.push_back({longer, dilation, length / dilation});
  return residues;
}

at::Tensor Longs(const std::vector<int64_t>& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

at::Tensor BiasIndex(const Axis& rows, const Axis& columns) {
  const int64_t width = 2 * rows.kernel - 1, hidden = width * width;
  std::vector<int64_t> index;
  for (int64_t tile = 0; tile < rows.num_tiles() * columns.num_tiles(); ++tile) {
    const int64_t a = tile / columns.num_tiles(), b = tile % columns.num_tiles();
    for (int64_t q = 0; q < rows.tile * columns.tile; ++q) {
      const int64_t row = rows.QueryBegin(a) + q / columns.tile;
      const int64_t column = columns.QueryBegin(b) + q % columns.tile;
      for (int64_t k = 0; k < rows.span * columns.span; ++k) {
        const int64_t y = rows.Offset(row, rows.KeyBegin(a) + k / columns.span);
        const int64_t x = columns.Offset(column, columns.KeyBegin(b) + k % columns.span);
        index.push_back(y < 0 || x < 0 ? hidden : y * width + x);
      }
    }
  }
  return Longs(index);
}

}  // namespace

NeighborhoodPlan MakeNeighborhoodPlan(Extent grid, int64_t kernel, int64_t dilation) {
  NeighborhoodPlan plan;
  std::vector<int64_t> places(static_cast<size_t>(grid.area()));
  int64_t num_queries = 0;  // of all groups so far
  for (const Residues& down : ResiduesOf(grid.height, dilation)) {
    for (const Residues& across : ResiduesOf(grid.width, dilation)) {
      const Axis rows{down.length, kernel}, columns{across.length, kernel};
      NeighborhoodPlan::Group& group = plan.groups.emplace_back();
      group.tiles = rows.num_tiles() * columns.num_tiles();
      group.queries = rows.tile * columns.tile;
      group.keys = rows.span * columns.span;
      group.bias_index = BiasIndex(rows, columns);
      std::vector<int64_t> query_tokens, key_tokens;
      for (int64_t p = down.first; p < down.last; ++p) {
        for (int64_t r = across.first; r < across.last; ++r) {
          const auto token = [&](int64_t row, int64_t column) {
            return (p + dilation * row) * grid.width + r + dilation * column;
          };
          for (int64_t tile = 0; tile < group.tiles; ++tile) {
            const int64_t a = tile / columns.num_tiles(), b = tile % columns.num_tiles();
            for (int64_t q = 0; q < group.queries; ++q, ++num_queries) {
              const int64_t row = rows.QueryBegin(a) + q / columns.tile;
              const int64_t column = columns.QueryBegin(b) + q % columns.tile;
              query_tokens.push_back(token(row, column));
              if (rows.TileOf(row) == a && columns.TileOf(column) == b) {
                places[static_cast<size_t>(query_tokens.back())] = num_queries;
              }
            }
            for (int64_t k = 0; k < group.keys; ++k) {
              key_tokens.push_back(token(rows.KeyBegin(a) + k / columns.span,
                                         columns.KeyBegin(b) + k % columns.span));
            }
          }
        }
      }
      group.query_tokens = Longs(query_tokens);
      group.key_tokens = Longs(key_tokens);
    }
  }
  plan.places = Longs(places);
  return plan;
}

at::Tensor NeighborhoodAttention(const at::Tensor& qkv, int64_t num_heads, const at::Tensor& bias,
                                 const NeighborhoodPlan& plan) {
  const int64_t images = qkv.size(0), channels = qkv.size(2) / 3, size = channels / num_heads;
  const at::Tensor queries = qkv.narrow(2, 0, channels);
  const at::Tensor keys_values = qkv.narrow(2, channels, 2 * channels);
  const at::Tensor table =
      at::cat({bias.flatten(1), at::full({num_heads, 1}, kHidden, bias.options())}, 1);
  std::vector<at::Tensor> answers;
  for (const NeighborhoodPlan::Group& group : plan.groups) {
    const at::Tensor q = queries.index_select(1, group.query_tokens)
                             .view({-1, group.queries, num_heads, size})
                             .transpose(1, 2);
    const at::Tensor kv = keys_values.index_select(1, group.key_tokens)
                              .view({-1, group.keys, 2, num_heads, size})
                              .permute({2, 0, 3, 1, 4});
    const at::Tensor scores = table.index_select(1, group.bias_index)
                                  .view({num_heads, group.tiles, group.queries, group.keys})
                                  .transpose(0, 1)
                                  .contiguous();
    answers.push_back(
        AttendWithBias(q, kv[0], kv[1], scores).transpose(1, 2).reshape({images, -1, channels}));
  }
  const at::Tensor all = answers.size() == 1 ? answers[0] : at::cat(answers, 1);
  return all.index_select(1, plan.places);
}

}  // namespace strata::models
