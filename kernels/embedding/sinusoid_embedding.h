// Token vectors plus sine/cosine position vectors of several levels, normalised: the input of an
// encoder whose tokens have a place on every level of the document.
// Source: HDT (arXiv 2407.08330); the table is that of 'Attention is all you need'.
#ifndef STRATA_KERNELS_EMBEDDING_SINUSOID_EMBEDDING_H_
#define STRATA_KERNELS_EMBEDDING_SINUSOID_EMBEDDING_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "kernels/launch/thread_pool.h"
#include "kernels/norm/row_norm.h"

namespace strata::kernels {

// Rows PE(p): dimension 2i is sin(p · frequencies[i]), 2i+1 the cosine. The first rows are held,
// the others computed where they occur (positions count siblings, so they are few). Immutable.
class SinusoidTable {
 public:
  SinusoidTable(std::vector<float> frequencies, int hidden_size, int num_rows);

  // sum [C] += PE(position), position >= 0.
  void Add(int32_t position, float* sum) const;

 private:
  void ComputeRow(int32_t position, float* row) const;

  std::vector<float> frequencies_;  // [(C + 1) / 2]
  int hidden_size_, num_rows_;
  std::vector<float> rows_;  // [num_rows, C]
};

struct SinusoidEmbedding {
  const float* tokens = nullptr;  // [V, C]
  const SinusoidTable* positions = nullptr;
  float position_scale = 1;
  RowNorm norm;  // size C
};

// out [T, C]: norm(tokens[ids[t]] + position_scale · Σ_l PE(positions[t][l])). ids must be inside
// the vocabulary. Thread-safe; a row does not depend on the others.
void EmbedRows(const SinusoidEmbedding& embedding, absl::Span<const int32_t> ids,
               absl::Span<const std::array<int32_t, 3>> positions, float* out, ThreadPool& pool);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_EMBEDDING_SINUSOID_EMBEDDING_H_
