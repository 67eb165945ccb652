// A linear map y = W x + b whose weights stand in the order in which the microkernel of this
// processor reads them, packed once, in float32, bfloat16 or int8.
#ifndef STRATA_KERNELS_LINEAR_PACKED_LINEAR_H_
#define STRATA_KERNELS_LINEAR_PACKED_LINEAR_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "hwy/aligned_allocator.h"
#include "kernels/launch/thread_pool.h"
#include "kernels/linear/linear_kernels.h"

namespace strata::kernels {

// R rows of x [R, K] and of y [R, N]; strides count floats.
struct LinearRows {
  const float* x = nullptr;
  int64_t x_stride = 0;
  float* y = nullptr;
  int64_t y_stride = 0;
  int64_t rows = 0;
};

// Immutable; thread-safe.
class PackedLinear {
 public:
  // An empty map, 0 outputs.
  PackedLinear() = default;

  // weight [N, K], row-major; bias [N] or null. Both are copied, the weight as `type`.
  // INVALID_ARGUMENT: a null weight, a size below 1 or above 2^24, a STRATA_TARGET that this
  // processor lacks. RESOURCE_EXHAUSTED.
  static absl::StatusOr<PackedLinear> Pack(const float* weight, const float* bias,
                                           int64_t num_outputs, int64_t num_inputs, WeightType type,
                                           ThreadPool& pool);

  // The same for a native tile that is given, or none: Pack takes that of the processor.
  static absl::StatusOr<PackedLinear> PackFor(const NativeTile* native, const float* weight,
                                              const float* bias, int64_t num_outputs,
                                              int64_t num_inputs, WeightType type,
                                              ThreadPool& pool);

  int num_outputs() const { return num_outputs_; }  // N
  int num_inputs() const { return num_inputs_; }    // K
  bool has_bias() const { return !bias_.empty(); }
  int64_t size_bytes() const;  // of the packed weights

  // The sum over K runs in blocks of so many inputs. A caller that makes its inputs block by block
  // (a feed-forward layer) may ask for one at a time.
  static constexpr int kBlock = kInputBlock;
  int num_blocks() const { return (num_inputs_ + kBlock - 1) / kBlock; }

  // y = W x + b, or y += W x + b. No allocation. On one target each y[r] is bit-equal whatever rows
  // are computed with it.
  void Apply(const LinearRows& rows, bool accumulate) const;

  // y = W x + b on the threads of a pool, which share rows and, where these are few, outputs.
  void Apply(const LinearRows& rows, ThreadPool& pool) const;

  // y = outputs [begin, end) of W x + b, y pointing at output `begin`, a multiple of kBlock.
  void ApplyToOutputs(const LinearRows& rows, int begin, int end) const;

  // y += W[:, inputs of `block`] · x[those inputs], + b with block 0; x points at the block's first
  // input. Over all blocks in rising order this is Apply(rows, true), bit for bit.
  void AccumulateBlock(const LinearRows& rows, int block) const;

 private:
  PackedMatrix matrix() const;
  LinearTask TaskOf(const LinearRows& rows) const;

  WeightType type_ = WeightType::kFloat32;
  const NativeTile* native_ = nullptr;
  int num_outputs_ = 0, num_inputs_ = 0;
  int64_t data_bytes_ = 0;
  hwy::AlignedFreeUniquePtr<char[]> data_;
  std::vector<float> scales_, bias_;
};

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_LINEAR_PACKED_LINEAR_H_
