#include "models/fastervit/position_network.h"

#include <cmath>

#include "models/layers/window_attention.h"

namespace strata::models {
namespace {

constexpr double kBiasGain = 16;
constexpr double kBiasRange = 8;

// All (row, column) pairs of one axis' numbers, row by row: [n², 2].
at::Tensor Pairs(const at::Tensor& axis) {
  const int64_t size = axis.size(0);
  return at::stack({axis.unsqueeze(1).expand({size, size}), axis.unsqueeze(0).expand({size, size})},
                   -1)
      .reshape({-1, 2});
}

at::Tensor Ask(const PositionNetwork& network, const at::Tensor& x) {
  return Apply(network.outer, at::relu(Apply(network.inner, x)));
}

}  // namespace

at::Tensor PositionVectors(const PositionNetwork& network, int64_t side) {
  const int64_t half = side / 2;
  const at::Tensor axis = (at::arange(side, at::kFloat) - half) / static_cast<double>(half);
  return Ask(network, Pairs(axis)).unsqueeze(0);
}

at::Tensor PositionBias(const PositionNetwork& network, int64_t side, int64_t length) {
  const at::Tensor offsets =
      at::arange(1 - side, side, at::kFloat) / static_cast<double>(side - 1) * kBiasRange;
  const at::Tensor axis = offsets.sign() * (offsets.abs() + 1).log2() / std::log2(kBiasRange);
  const at::Tensor table = Ask(network, Pairs(axis));  // [(2·side-1)², heads]
  const at::Tensor square = kBiasGain * at::sigmoid(RelativeBias(table, {side, side}));
  const int64_t front = length - side * side;
  return at::constant_pad_nd(square, {front, 0, front, 0}, 0).unsqueeze(0);
}

}  // namespace strata::models
