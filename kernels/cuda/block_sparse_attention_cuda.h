// Block-sparse attention on an NVIDIA device, forward: the same pairs and the same plan as
// kernels/attention/block_sparse_attention.h.
#ifndef STRATA_KERNELS_CUDA_BLOCK_SPARSE_ATTENTION_CUDA_H_
#define STRATA_KERNELS_CUDA_BLOCK_SPARSE_ATTENTION_CUDA_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cuda/attention_launch.h"
#include "kernels/plan/structure_plan.h"

namespace strata::kernels {

// A StructurePlan in the memory of the current device. Immutable; shared by all layers of a batch.
class CudaPlan {
 public:
  // Copies; returns when the device has it. RESOURCE_EXHAUSTED, INTERNAL: what CUDA says.
  static absl::StatusOr<CudaPlan> Upload(const StructurePlan& plan);

  int64_t num_tokens() const { return num_tokens_; }
  int64_t num_slots() const { return device_.num_slots; }
  const DevicePlan& device() const { return device_; }

 private:
  struct Free {
    void operator()(void* data) const { cudaFree(data); }
  };
  int64_t num_tokens_ = 0;
  std::unique_ptr<void, Free> memory_;
  DevicePlan device_ = {};
};

// As AttentionParams, in the device's memory: row t of q is the H·D elements at q + t · q_stride.
struct CudaAttentionParams {
  CudaDataType type = CudaDataType::kFloat32;
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  void* out = nullptr;
  float* lse = nullptr;                                              // [T, H], or null
  int64_t q_stride = 0, k_stride = 0, v_stride = 0, out_stride = 0;  // elements
  int num_heads = 0;
  int head_size = 0;  // 1 … 256
  float scale = 1;
  void* workspace = nullptr;  // AttentionWorkspaceBytes() of the device
};

int64_t AttentionWorkspaceBytes(const CudaPlan& plan, int num_heads, int head_size);

// Queues the pass on `stream`; the plan and the arguments must live until it is done. Every row of
// `out` (and `lse`) is written once; sums are float32. INVALID_ARGUMENT, before anything is queued:
// as of BlockSparseAttentionForward, or no workspace. INTERNAL: what CUDA says.
absl::Status BlockSparseAttentionForward(const CudaAttentionParams& params, const CudaPlan& plan,
                                         cudaStream_t stream);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_CUDA_BLOCK_SPARSE_ATTENTION_CUDA_H_
