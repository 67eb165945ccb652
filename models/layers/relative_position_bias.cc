#include "models/layers/relative_position_bias.h"

#include <cmath>

namespace strata::models {

at::Tensor RelativePositionBias(const at::Tensor& table, int64_t query_length, int64_t key_length,
                                bool bidirectional, int64_t max_distance, int64_t query_begin) {
  int64_t buckets = table.size(0);
  const at::Tensor query = at::arange(query_begin, query_begin + query_length).unsqueeze(1);
  const at::Tensor distance = at::arange(key_length).unsqueeze(0) - query;  // key − query
  at::Tensor bucket = at::zeros_like(distance);
  at::Tensor length;
  if (bidirectional) {
    buckets /= 2;
    bucket = (distance > 0).to(at::kLong) * buckets;
    length = distance.abs();
  } else {
    length = (-distance).clamp_min(0);
  }
  const int64_t exact = buckets / 2;
  // In float32, as the reference computes it, so that the buckets' edges agree.
  const double log_range = std::log(static_cast<double>(max_distance) / static_cast<double>(exact));
  const at::Tensor large =
      max_distance == exact ? at::full_like(length, buckets - 1)
                            : (exact + ((length.to(at::kFloat) / static_cast<double>(exact)).log() /
                                        log_range * static_cast<double>(buckets - exact))
                                           .to(at::kLong))
                                  .clamp(0, buckets - 1);
  bucket = bucket + at::where(length < exact, length, large);
  return table.index_select(0, bucket.reshape(-1))
      .reshape({query_length, key_length, table.size(1)})
      .permute({2, 0, 1});
}

}  // namespace strata::models
