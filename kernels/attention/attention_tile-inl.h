// Arithmetic on small tiles that stay in the first two cache levels: pack, multiply, exponential.
// Compiled once per target (see forward_kernels.cc); everything is in HWY_NAMESPACE. Tiles are
// row-major float arrays; "padded" means rounded up to whole vectors, the padding being zero.
#if defined(STRATA_KERNELS_ATTENTION_ATTENTION_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_ATTENTION_ATTENTION_TILE_INL_H_
#undef STRATA_KERNELS_ATTENTION_ATTENTION_TILE_INL_H_
#else
#define STRATA_KERNELS_ATTENTION_ATTENTION_TILE_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/attention/attention_kernels.h"
#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

// Rows and columns of the score tile that is in work: 64 × 128 floats are 32 KB.
constexpr int kRowBlock = StructurePlan::kRowsPerItem;
constexpr int kColumnBlock = StructurePlan::kMaxWholeFamily;
// Scores are kept in base 2, so that the exponential needs no multiplication.
constexpr float kLog2E = 1.44269504088896340736f;
constexpr float kLn2 = 0.69314718055994530942f;
constexpr float kMinusInfinity = -__builtin_huge_valf();

HWY_INLINE int Min(int a, int b) { return a < b ? a : b; }
HWY_INLINE ptrdiff_t RoundUp16(int size) { return (size + 15) / 16 * 16; }

// A hint only: never faults, whatever the address.
HWY_INLINE void PrefetchRow(const float* row, int head_size) {
  constexpr int kFloatsPerLine = 16;
  for (int i = 0; i < head_size; i += kFloatsPerLine) __builtin_prefetch(row + i, 0, 2);
}

// Rows [begin, begin + count) of a family's members within a [T, stride] argument, at one head.
struct MemberRows {
  const float* base;  // row of token 0, moved to the head
  int64_t stride;
  const int32_t*
      gather;  // token of each row, or null: the rows are first_token, first_token + 1, …
  int32_t first_token;
  int count;
  // From a row to what is read soon: the next head of it. Hardware prefetchers do not follow as
  // many rows at a time as a family has; asking by hand saved a fifth of the time where q, k and v
  // come from memory (documents of 1k tokens and more).
  int64_t ahead;

  HWY_INLINE int32_t Token(int row) const {
    return gather != nullptr ? gather[row] : first_token + row;
  }
  HWY_INLINE const float* Row(int row) const { return base + Token(row) * stride; }
};

// One head of a [T, H, D] argument.
struct Head {
  int index, count, size;  // h, H, D
};

// `tensor` is the row of token 0, head 0; it may be null where only tokens are asked for.
HWY_INLINE MemberRows RowsOf(const PlanPointers& plan, const Family& family, const float* tensor,
                             int64_t stride, const Head& head, int begin, int count) {
  const bool contiguous = family.first >= 0;
  MemberRows rows;
  rows.base = tensor + static_cast<ptrdiff_t>(head.index) * head.size;
  rows.stride = stride;
  rows.gather = contiguous ? nullptr : plan.gather + family.gather_begin + begin;
  rows.first_token = contiguous ? family.first + begin : -1;
  rows.count = count;
  // After the last head: as many rows further on, the next family where sentence follows sentence.
  rows.ahead = head.index + 1 < head.count
                   ? head.size
                   : count * stride - static_cast<ptrdiff_t>(head.index) * head.size;
  return rows;
}

// tile[row, d] = factor · rows[row, d]; [count, padded head_size].
HWY_INLINE void PackRows(const MemberRows& rows, int head_size, float factor,
                         float* HWY_RESTRICT tile) {
  const Floats d;
  const int padded = RoundUpToLanes(head_size);
  const auto scale = hn::Set(d, factor);
  for (int row = 0; row < rows.count; ++row) {
    const float* HWY_RESTRICT from = rows.Row(row);
    float* HWY_RESTRICT to = tile + static_cast<ptrdiff_t>(row) * padded;
    PrefetchRow(from + rows.ahead, head_size);
    int i = 0;
    for (; i + kLanes <= head_size; i += kLanes) {
      hn::Store(hn::Mul(hn::LoadU(d, from + i), scale), d, to + i);
    }
    for (; i < head_size; ++i) to[i] = from[i] * factor;
    for (; i < padded; ++i) to[i] = 0.0f;
  }
}

// rows[row, d] = factor · tile[row, d]: the way back, for one row.
HWY_INLINE void WriteRow(const float* HWY_RESTRICT tile_row, int head_size, float factor,
                         float* HWY_RESTRICT to) {
  const Floats d;
  const auto scale = hn::Set(d, factor);
  int i = 0;
  for (; i + kLanes <= head_size; i += kLanes) {
    hn::StoreU(hn::Mul(hn::Load(d, tile_row + i), scale), d, to + i);
  }
  for (; i < head_size; ++i) to[i] = tile_row[i] * factor;
}

HWY_INLINE float DotOfRows(const float* a, const float* b, int head_size) {
  const Floats d;
  auto sum = hn::Zero(d);
  int i = 0;
  for (; i + kLanes <= head_size; i += kLanes) {
    sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
  }
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < head_size; ++i) total += a[i] * b[i];
  return total;
}

#if HWY_TARGET != HWY_SCALAR
// Four floats each of the rows rows[0], rows[4], rows[8] …, one row a 128-bit block.
template <class D>
HWY_INLINE hn::Vec<D> LoadBlocks(D d, const float* const* rows, int offset) {
  constexpr size_t kCount = hn::MaxLanes(D());
  if constexpr (kCount == 4) {
    return hn::LoadU(d, rows[0] + offset);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, LoadBlocks(half, rows + kCount / 2, offset),
                       LoadBlocks(half, rows, offset));
  }
}

// The 4×4 transpose of each block: to[i · stride + lane] = rows[lane][offset + i].
HWY_INLINE void TransposeFour(const float* const* rows, int offset, float* HWY_RESTRICT to,
                              ptrdiff_t stride) {
  const Floats d;
  const hn::Repartition<uint64_t, Floats> pairs;
  const auto r0 = LoadBlocks(d, rows, offset), r1 = LoadBlocks(d, rows + 1, offset);
  const auto r2 = LoadBlocks(d, rows + 2, offset), r3 = LoadBlocks(d, rows + 3, offset);
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
  hn::Store(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, to);
  hn::Store(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, to + stride);
  hn::Store(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, to + 2 * stride);
  hn::Store(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, to + 3 * stride);
}
#endif

// tile[d, row] = rows[row, d]; [head_size, padded count].
HWY_INLINE void PackTransposed(const MemberRows& rows, int head_size, float* HWY_RESTRICT tile) {
  alignas(64) static constexpr float kZeros[kMaxHeadSize] = {};
  const int padded = RoundUpToLanes(rows.count);
  for (int group = 0; group < padded; group += kLanes) {
    const float* pointers[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      const bool inside = group + lane < rows.count;
      pointers[lane] = inside ? rows.Row(group + lane) : kZeros;
      if (inside) PrefetchRow(pointers[lane] + rows.ahead, head_size);
    }
    int i = 0;
#if HWY_TARGET != HWY_SCALAR
    for (; i + 4 <= head_size; i += 4) {
      TransposeFour(pointers, i, tile + static_cast<ptrdiff_t>(i) * padded + group, padded);
    }
#endif
    for (; i < head_size; ++i) {
      for (int lane = 0; lane < kLanes; ++lane) {
        tile[static_cast<ptrdiff_t>(i) * padded + group + lane] = pointers[lane][i];
      }
    }
  }
}

// c = a · b or c += a · b. a is [M, K] with any strides (a row step of 1 reads it transposed), read
// one float at a time and spread over a vector; b is [K, N], c is [M, N], N in whole vectors. Each
// sum runs over K in rising order, whatever the shape of the tiles.
struct Product {
  int m, n, k;
  const float* a;
  ptrdiff_t a_row, a_column;
  const float* b;
  ptrdiff_t b_row;
  float* c;  // 64-byte aligned rows
  ptrdiff_t c_row;
  bool accumulate;
};

// kRows × kVectors sums in registers. Zen 3 and Skylake need 8 to 10 chains to hide the latency of
// two multiply-adds a cycle; kRows + kVectors loads feed kRows · kVectors of them.
template <int kRows, int kVectors>
HWY_INLINE void MultiplyTile(const Product& p, int row, int column) {
  const Floats d;
  Vector sum[kRows][kVectors];
  float* c = p.c + row * p.c_row + column;
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = p.accumulate ? hn::LoadU(d, c + r * p.c_row + v * kLanes) : hn::Zero(d);
    }
  }
  const float* a = p.a + row * p.a_row;
  const float* b = p.b + column;
  for (int k = 0; k < p.k; ++k) {
    Vector b_row[kVectors];
    for (int v = 0; v < kVectors; ++v) b_row[v] = hn::LoadU(d, b + v * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const Vector factor = hn::Set(d, a[r * p.a_row]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, b_row[v], sum[r][v]);
    }
    a += p.a_column;
    b += p.b_row;
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c + r * p.c_row + v * kLanes);
  }
}

// The tile of exactly `rows` rows, found among 1 … kRows.
template <int kRows, int kVectors>
HWY_INLINE void MultiplyRows(const Product& p, int row, int rows, int column) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return MultiplyTile<kRows, kVectors>(p, row, column);
    MultiplyRows<kRows - 1, kVectors>(p, row, rows, column);
  }
}

// kVectors vectors of columns, all rows, in tiles of nearly equal height.
template <int kVectors>
HWY_INLINE void MultiplyColumns(const Product& p, int column) {
  constexpr int kFew = kVectors == 1 ? 8 : kVectors == 2 ? 6 : 4;
  constexpr int kMany = kVectors == 3 ? 8 : 12;
  constexpr int kRows = kManyRegisters ? kMany : kFew;
  const int tiles = (p.m + kRows - 1) / kRows;
  const int height = p.m / tiles, higher = p.m % tiles;
  for (int tile = 0, row = 0; tile < tiles; ++tile) {
    const int rows = height + (tile < higher ? 1 : 0);
    MultiplyRows<kRows, kVectors>(p, row, rows, column);
    row += rows;
  }
}

static HWY_NOINLINE void Multiply(const Product& p) {
  const int vectors = p.n / kLanes;
  int v = 0;
  if (vectors % 2 == 1) {  // an odd number: three at once rather than one
    if (vectors == 1) return MultiplyColumns<1>(p, 0);
    MultiplyColumns<3>(p, 0);
    v = 3;
  }
  for (; v < vectors; v += 2) MultiplyColumns<2>(p, v * kLanes);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#endif
