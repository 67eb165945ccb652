#include "kernels/attention/block_sparse_attention_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace strata::kernels {
namespace {

// Calls fn(begin, end) for every document.
template <typename Fn>
void ForEachDocument(const TreeView& tree, Fn fn) {
  for (size_t b = 0; b + 1 < tree.cu_seqlens.size(); ++b)
    fn(tree.cu_seqlens[b], tree.cu_seqlens[b + 1]);
}

template <typename Real>
double Dot(const Real* a, const Real* b, int size) {
  double sum = 0;
  for (int i = 0; i < size; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// Softmax of row x over the keys of [begin, end) that it attends to; 0 for the others. Returns lse.
template <typename Real>
double ProbabilitiesOfRow(const Real* q, const Real* k, int64_t q_stride, int64_t k_stride,
                          int head_size, double scale, const TreeView& tree, int32_t x,
                          int32_t begin, int32_t end, std::vector<double>& probabilities) {
  probabilities.assign(end - begin, 0);
  double highest = -std::numeric_limits<double>::infinity();
  for (int32_t y = begin; y < end; ++y) {
    if (!ReferenceAttends(tree.parents, x, y)) continue;
    probabilities[y - begin] = scale * Dot(q + x * q_stride, k + y * k_stride, head_size);
    highest = std::max(highest, probabilities[y - begin]);
  }
  double sum = 0;
  for (int32_t y = begin; y < end; ++y) {
    if (!ReferenceAttends(tree.parents, x, y)) continue;
    probabilities[y - begin] = std::exp(probabilities[y - begin] - highest);
    sum += probabilities[y - begin];
  }
  for (double& probability : probabilities) probability /= sum;
  return highest + std::log(sum);
}

}  // namespace

bool ReferenceAttends(absl::Span<const int32_t> parents, int32_t x, int32_t y) {
  if (x == y || parents[x] == y || parents[y] == x) return true;
  return parents[x] >= 0 && parents[x] == parents[y];
}

template <typename Real>
void ReferenceAttentionForward(const BasicAttentionParams<Real>& params, const TreeView& tree) {
  const int head_size = params.head_size;
  std::vector<double> probabilities, sums(head_size);
  ForEachDocument(tree, [&](int32_t begin, int32_t end) {
    for (int32_t x = begin; x < end; ++x) {
      for (int h = 0; h < params.num_heads; ++h) {
        const int64_t offset = int64_t{h} * head_size;
        const double lse = ProbabilitiesOfRow(params.q + offset, params.k + offset, params.q_stride,
                                              params.k_stride, head_size, params.scale, tree, x,
                                              begin, end, probabilities);
        std::fill(sums.begin(), sums.end(), 0.0);
        for (int32_t y = begin; y < end; ++y) {
          if (!ReferenceAttends(tree.parents, x, y)) continue;
          const Real* value = params.v + y * params.v_stride + offset;
          for (int d = 0; d < head_size; ++d) sums[d] += probabilities[y - begin] * value[d];
        }
        Real* out = params.out + x * params.out_stride + offset;
        for (int d = 0; d < head_size; ++d) out[d] = static_cast<Real>(sums[d]);
        if (params.lse != nullptr)
          params.lse[int64_t{x} * params.num_heads + h] = static_cast<Real>(lse);
      }
    }
  });
}

template <typename Real>
void ReferenceAttentionBackward(const BasicAttentionGradParams<Real>& params,
                                const TreeView& tree) {
  const int head_size = params.head_size;
  std::vector<double> probabilities;
  ForEachDocument(tree, [&](int32_t begin, int32_t end) {
    const size_t size = static_cast<size_t>(end - begin) * head_size;
    std::vector<double> dq(size), dk(size), dv(size);
    for (int h = 0; h < params.num_heads; ++h) {
      const int64_t offset = int64_t{h} * head_size;
      std::fill(dq.begin(), dq.end(), 0.0);
      std::fill(dk.begin(), dk.end(), 0.0);
      std::fill(dv.begin(), dv.end(), 0.0);
      for (int32_t x = begin; x < end; ++x) {
        ProbabilitiesOfRow(params.q + offset, params.k + offset, params.q_stride, params.k_stride,
                           head_size, params.scale, tree, x, begin, end, probabilities);
        const Real* query = params.q + x * params.q_stride + offset;
        const Real* dout = params.dout + x * params.dout_stride + offset;
        double delta = 0;  // Σ_y p(x, y) · (dout(x) · v(y)) = dout(x) · out(x)
        for (int32_t y = begin; y < end; ++y) {
          const double p = probabilities[y - begin];
          if (p != 0) delta += p * Dot(dout, params.v + y * params.v_stride + offset, head_size);
        }
        for (int32_t y = begin; y < end; ++y) {
          const double p = probabilities[y - begin];
          if (p == 0) continue;
          const Real* key = params.k + y * params.k_stride + offset;
          const double dp = Dot(dout, params.v + y * params.v_stride + offset, head_size);
          const double ds = p * (dp - delta) * params.scale;
          double* dq_row = &dq[static_cast<size_t>(x - begin) * head_size];
          double* dk_row = &dk[static_cast<size_t>(y - begin) * head_size];
          double* dv_row = &dv[static_cast<size_t>(y - begin) * head_size];
          for (int d = 0; d < head_size; ++d) {
            dq_row[d] += ds * key[d];
            dk_row[d] += ds * query[d];
            dv_row[d] += p * dout[d];
          }
        }
      }
      for (int32_t x = begin; x < end; ++x) {
        for (int d = 0; d < head_size; ++d) {
          const size_t i = static_cast<size_t>(x - begin) * head_size + d;
          params.dq[x * params.dq_stride + offset + d] = static_cast<Real>(dq[i]);
          params.dk[x * params.dk_stride + offset + d] = static_cast<Real>(dk[i]);
          params.dv[x * params.dv_stride + offset + d] = static_cast<Real>(dv[i]);
        }
      }
    }
  });
}

void ReferenceAttentionProbabilities(const AttentionParams& params, const TreeView& tree, int64_t n,
                                     float* probabilities) {
  std::fill(probabilities, probabilities + params.num_heads * n * n, 0.0f);
  std::vector<double> row;
  ForEachDocument(tree, [&](int32_t begin, int32_t end) {
    for (int32_t x = begin; x < end; ++x) {
      for (int h = 0; h < params.num_heads; ++h) {
        const int64_t offset = int64_t{h} * params.head_size;
        ProbabilitiesOfRow(params.q + offset, params.k + offset, params.q_stride, params.k_stride,
                           params.head_size, params.scale, tree, x, begin, end, row);
        std::transform(row.begin(), row.end(), probabilities + (h * n + x) * n + begin,
                       [](double p) { return static_cast<float>(p); });
      }
    }
  });
}

template void ReferenceAttentionForward<float>(const BasicAttentionParams<float>&, const TreeView&);
template void ReferenceAttentionForward<double>(const BasicAttentionParams<double>&,
                                                const TreeView&);
template void ReferenceAttentionBackward<float>(const BasicAttentionGradParams<float>&,
                                                const TreeView&);
template void ReferenceAttentionBackward<double>(const BasicAttentionGradParams<double>&,
                                                 const TreeView&);

}  // namespace strata::kernels
