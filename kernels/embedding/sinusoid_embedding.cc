#include "kernels/embedding/sinusoid_embedding.h"

#include <cmath>
#include <utility>

namespace strata::kernels {

SinusoidTable::SinusoidTable(std::vector<float> frequencies, int hidden_size, int num_rows)
    : frequencies_(std::move(frequencies)),
      hidden_size_(hidden_size),
      num_rows_(num_rows),
      rows_(static_cast<size_t>(num_rows) * hidden_size) {
  for (int32_t p = 0; p < num_rows; ++p) {
    ComputeRow(p, rows_.data() + static_cast<ptrdiff_t>(p) * hidden_size);
  }
}

// The angle is rounded to float32 as the reference does; far positions depend on it.
void SinusoidTable::ComputeRow(int32_t position, float* row) const {
  for (int i = 0; i < hidden_size_; ++i) {
    const float angle = static_cast<float>(position) * frequencies_[i / 2];
    row[i] = i % 2 == 0 ? std::sin(angle) : std::cos(angle);
  }
}

void SinusoidTable::Add(int32_t position, float* sum) const {
  const float* row = rows_.data() + static_cast<ptrdiff_t>(position) * hidden_size_;
  std::vector<float> computed;
  if (position >= num_rows_) {
    computed.resize(hidden_size_);
    ComputeRow(position, computed.data());
    row = computed.data();
  }
  for (int i = 0; i < hidden_size_; ++i) sum[i] += row[i];
}

void EmbedRows(const SinusoidEmbedding& embedding, absl::Span<const int32_t> ids,
               absl::Span<const std::array<int32_t, 3>> positions, float* out, ThreadPool& pool) {
  const int64_t c = embedding.norm.size;
  constexpr int64_t kRowsPerTask = 256;
  pool.ParallelForRows(
      static_cast<int64_t>(ids.size()), kRowsPerTask, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          float* const row = out + t * c;
          const float* const token = embedding.tokens + ids[t] * c;
          for (int64_t i = 0; i < c; ++i) row[i] = 0;
          for (int32_t position : positions[t]) embedding.positions->Add(position, row);
          for (int64_t i = 0; i < c; ++i) row[i] = token[i] + embedding.position_scale * row[i];
        }
        NormalizeRows(embedding.norm, out + begin * c, c, end - begin, out + begin * c, c);
      });
}

}  // namespace strata::kernels
