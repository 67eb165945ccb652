// Products of bfloat16 and int8 by instructions that add up groups of them: AVX512_BF16,
// AVX512_VNNI and AMX. A tile is all that is written for a processor; packing, rounding of the
// inputs and what is done with the sums are the common code's (linear_kernels.cc).
#ifndef STRATA_KERNELS_LINEAR_NATIVE_TILE_H_
#define STRATA_KERNELS_LINEAR_NATIVE_TILE_H_

#include <cstddef>
#include <cstdint>

namespace strata::kernels {

enum class WeightType : uint8_t;

// A group is four bytes of neighbouring inputs: two bfloat16 or four int8 values.
struct NativeTile {
  static constexpr int kPanelWidth = 32;
  static constexpr int kGroupBytes = 4;

  int rows;  // most rows of a call; all of them are read and written, whatever they hold
  // Whether int8 inputs come as input + 128, from 0 to 255, and sums are that much higher.
  bool has_unsigned_inputs;
  // sums[r, c] = Σ over groups g and their values i of x[r, g, i] · panel[g, c, i], for `rows`
  // rows. x: row r at x + r · x_stride (bytes); panel: [groups, kPanelWidth, 4 bytes], 64-byte
  // aligned; sums: [rows, kPanelWidth] floats, 64-byte aligned. Sums of int8 are whole and exact.
  void (*multiply)(const void* x, ptrdiff_t x_stride, const void* panel, int groups, float* sums);
  // Around a series of calls on one thread; may be null.
  void (*begin)();
  void (*end)();
};

// The fastest that this processor and the target in use have for a type; null: none. Found once a
// process. Call after SelectTarget().
const NativeTile* ActiveNativeTile(WeightType type);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_LINEAR_NATIVE_TILE_H_
