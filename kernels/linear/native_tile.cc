// Tiles in intrinsics: Debian's Highway knows none of these instructions. Each body is one loop;
// the rest of a product is shared with, and tested on, processors that lack them.
#include "kernels/linear/native_tile.h"

#include <cstring>

#include "kernels/launch/target.h"
#include "kernels/linear/linear_kernels.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define STRATA_NATIVE_X86 1
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#ifdef STRATA_NATIVE_X86
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512bf16,avx512vnni")
namespace strata::kernels::native_avx512 {

// 24 sums, two vectors of the panel and one spread group fill 27 of the 32 registers.
constexpr int kRows = 12;
constexpr ptrdiff_t kPanelRow = NativeTile::kPanelWidth * NativeTile::kGroupBytes;

inline __m512i SpreadGroup(const char* x) {
  int32_t group;
  __builtin_memcpy(&group, x, sizeof(group));
  return _mm512_set1_epi32(group);
}

void MultiplyBFloat16(const void* x, ptrdiff_t x_stride, const void* panel, int groups,
                      float* sums) {
  __m512 low[kRows], high[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) low[r] = high[r] = _mm512_setzero_ps();
  const char* weights = static_cast<const char*>(panel);
  for (ptrdiff_t g = 0; g < groups; ++g, weights += kPanelRow) {
    const __m512bh first = (__m512bh)_mm512_load_si512(weights);
    const __m512bh second = (__m512bh)_mm512_load_si512(weights + 64);
    const char* inputs = static_cast<const char*>(x) + g * NativeTile::kGroupBytes;
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r, inputs += x_stride) {
      const __m512bh input = (__m512bh)SpreadGroup(inputs);
      low[r] = _mm512_dpbf16_ps(low[r], input, first);
      high[r] = _mm512_dpbf16_ps(high[r], input, second);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    _mm512_store_ps(sums + r * NativeTile::kPanelWidth, low[r]);
    _mm512_store_ps(sums + r * NativeTile::kPanelWidth + 16, high[r]);
  }
}

// sum += the products of four unsigned inputs and four weights. Not _mm512_dpbusd_epi32, with which
// g++ 12 moves every sum to another register and back.
inline void AddProducts(__m512i& sum, __m512i inputs, __m512i weights) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(inputs), "v"(weights));
}

void MultiplyInt8(const void* x, ptrdiff_t x_stride, const void* panel, int groups, float* sums) {
  __m512i low[kRows], high[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) low[r] = high[r] = _mm512_setzero_si512();
  const char* weights = static_cast<const char*>(panel);
  for (ptrdiff_t g = 0; g < groups; ++g, weights += kPanelRow) {
    const __m512i first = _mm512_load_si512(weights);
    const __m512i second = _mm512_load_si512(weights + 64);
    const char* inputs = static_cast<const char*>(x) + g * NativeTile::kGroupBytes;
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r, inputs += x_stride) {
      const __m512i input = SpreadGroup(inputs);
      AddProducts(low[r], input, first);
      AddProducts(high[r], input, second);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    _mm512_store_ps(sums + r * NativeTile::kPanelWidth, _mm512_cvtepi32_ps(low[r]));
    _mm512_store_ps(sums + r * NativeTile::kPanelWidth + 16, _mm512_cvtepi32_ps(high[r]));
  }
}

}  // namespace strata::kernels::native_avx512
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,amx-tile,amx-bf16,amx-int8")
namespace strata::kernels::native_amx {

// Two by two tiles of 16 rows and 16 columns: sums 0 to 3, inputs 4 and 5, panel 6 and 7. A step
// takes 16 groups, 64 bytes of each row.
constexpr int kRows = 32, kGroupsPerStep = 16;
constexpr ptrdiff_t kPanelRow = NativeTile::kPanelWidth * NativeTile::kGroupBytes;

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// In memory as a whole: g++ 12 tells the optimizer only of the first eight bytes that ldtilecfg
// reads.
constexpr TileConfig kTileConfig;

void Begin() { _tile_loadconfig(&kTileConfig); }

void End() { _tile_release(); }

#define STRATA_AMX_STEPS(DOT)                                             \
  _tile_zero(0);                                                          \
  _tile_zero(1);                                                          \
  _tile_zero(2);                                                          \
  _tile_zero(3);                                                          \
  const char* inputs = static_cast<const char*>(x);                       \
  const char* weights = static_cast<const char*>(panel);                  \
  for (int g = 0; g < groups; g += kGroupsPerStep) {                      \
    _tile_loadd(4, inputs, x_stride);                                     \
    _tile_loadd(5, inputs + 16 * x_stride, x_stride);                     \
    _tile_loadd(6, weights, kPanelRow);                                   \
    _tile_loadd(7, weights + 64, kPanelRow);                              \
    DOT(0, 4, 6);                                                         \
    DOT(1, 4, 7);                                                         \
    DOT(2, 5, 6);                                                         \
    DOT(3, 5, 7);                                                         \
    inputs += kGroupsPerStep * NativeTile::kGroupBytes;                   \
    weights += kGroupsPerStep * kPanelRow;                                \
  }                                                                       \
  constexpr ptrdiff_t kSumsRow = NativeTile::kPanelWidth * sizeof(float); \
  char* const out = reinterpret_cast<char*>(sums);                        \
  _tile_stored(0, out, kSumsRow);                                         \
  _tile_stored(1, out + 64, kSumsRow);                                    \
  _tile_stored(2, out + 16 * kSumsRow, kSumsRow);                         \
  _tile_stored(3, out + 16 * kSumsRow + 64, kSumsRow)

void MultiplyBFloat16(const void* x, ptrdiff_t x_stride, const void* panel, int groups,
                      float* sums) {
  STRATA_AMX_STEPS(_tile_dpbf16ps);
}

void MultiplyInt8(const void* x, ptrdiff_t x_stride, const void* panel, int groups, float* sums) {
  STRATA_AMX_STEPS(_tile_dpbssd);
  for (int i = 0; i < kRows * NativeTile::kPanelWidth; i += 16) {
    _mm512_store_ps(sums + i, _mm512_cvtepi32_ps(_mm512_load_si512(sums + i)));
  }
}

}  // namespace strata::kernels::native_amx
#pragma GCC pop_options
#endif  // STRATA_NATIVE_X86

namespace strata::kernels {
namespace {

struct NativeTiles {
  const NativeTile* bfloat16 = nullptr;
  const NativeTile* int8 = nullptr;
};

#ifdef STRATA_NATIVE_X86
constexpr NativeTile kAvx512BFloat16{native_avx512::kRows, false, native_avx512::MultiplyBFloat16,
                                     nullptr, nullptr};
constexpr NativeTile kAvx512Int8{native_avx512::kRows, true, native_avx512::MultiplyInt8, nullptr,
                                 nullptr};
constexpr NativeTile kAmxBFloat16{native_amx::kRows, false, native_amx::MultiplyBFloat16,
                                  native_amx::Begin, native_amx::End};
constexpr NativeTile kAmxInt8{native_amx::kRows, false, native_amx::MultiplyInt8, native_amx::Begin,
                              native_amx::End};

// Linux gives a process the tiles' registers only when it asks for them.
bool MayUseAmx() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

NativeTiles FindNativeTiles() {
  NativeTiles tiles;
  if (std::strcmp(ActiveTargetName(), "avx512") != 0) return tiles;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return tiles;
  const bool has_vnni = c >> 11 & 1, has_amx = d >> 24 & 1;
  const bool has_amx_bfloat16 = d >> 22 & 1, has_amx_int8 = d >> 25 & 1;
  unsigned a1 = 0, b1 = 0, c1 = 0, d1 = 0;
  const bool has_bfloat16 = __get_cpuid_count(7, 1, &a1, &b1, &c1, &d1) && (a1 >> 5 & 1);
  if (has_bfloat16) tiles.bfloat16 = &kAvx512BFloat16;
  if (has_vnni) tiles.int8 = &kAvx512Int8;
  if (has_amx && (has_amx_bfloat16 || has_amx_int8) && MayUseAmx()) {
    if (has_amx_bfloat16) tiles.bfloat16 = &kAmxBFloat16;
    if (has_amx_int8) tiles.int8 = &kAmxInt8;
  }
  return tiles;
}
#else
NativeTiles FindNativeTiles() { return {}; }
#endif

}  // namespace

const NativeTile* ActiveNativeTile(WeightType type) {
  static const NativeTiles tiles = FindNativeTiles();
  if (type == WeightType::kBFloat16) return tiles.bfloat16;
  return type == WeightType::kInt8 ? tiles.int8 : nullptr;
}

}  // namespace strata::kernels
