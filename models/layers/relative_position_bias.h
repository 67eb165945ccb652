// T5's relative position bias: one learned number per head and bucket of the distance key − query.
// Source: 'Exploring the Limits of Transfer Learning …' (arXiv 1910.10683) §2.1 and its public
// code.
#ifndef STRATA_MODELS_LAYERS_RELATIVE_POSITION_BIAS_H_
#define STRATA_MODELS_LAYERS_RELATIVE_POSITION_BIAS_H_

#include <ATen/ATen.h>

namespace strata::models {

// table [buckets, H] → [H, query_length, key_length]. Exact up to a quarter (bidirectional) or half
// of the buckets (at least 1), then logarithmic to max_distance. Unidirectional: keys after the
// query count as distance 0. Where max_distance is not above the exact distances, those that the
// reference finds no bucket for take the last or the first. `query_begin`: place of the first query
// among the keys (decoding with a cache).
at::Tensor RelativePositionBias(const at::Tensor& table, int64_t query_length, int64_t key_length,
                                bool bidirectional, int64_t max_distance, int64_t query_begin = 0);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_RELATIVE_POSITION_BIAS_H_
