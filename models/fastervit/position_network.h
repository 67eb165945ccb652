// Small networks that give a position vector or a position bias for every place, and the numbers
// that they are asked with.
//
// Source: arXiv 2306.06189 §3; Swin V2 (arXiv 2111.09883) §3.3 for the bias.
#ifndef STRATA_MODELS_FASTERVIT_POSITION_NETWORK_H_
#define STRATA_MODELS_FASTERVIT_POSITION_NETWORK_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "models/layers/linear.h"

namespace strata::models {

// outer(ReLU(inner(x))), 2 → 512 → channels or heads.
struct PositionNetwork {
  Linear inner, outer;
};

// A vector for every place of a side x side square, row by row: (i - n)/n with n = side/2 rounded
// down, row and column. [1, side², C]. side >= 2.
at::Tensor PositionVectors(const PositionNetwork& network, int64_t side);

// 16·sigmoid of the network's answer for query minus key, of `length` tokens whose last side² are a
// square; those in front of them have bias 0 with all. [1, heads, length, length]. side >= 2.
at::Tensor PositionBias(const PositionNetwork& network, int64_t side, int64_t length);

}  // namespace strata::models

#endif  // STRATA_MODELS_FASTERVIT_POSITION_NETWORK_H_
