// What block_sparse_attention_cuda.cc asks of the device: plain structs and one launch, so that
// nvcc meets no Abseil header. All pointers are the device's.
#ifndef STRATA_KERNELS_CUDA_ATTENTION_LAUNCH_H_
#define STRATA_KERNELS_CUDA_ATTENTION_LAUNCH_H_

#include <cuda_runtime_api.h>

#include <cstdint>

namespace strata::kernels {

// Of q, k, v and out; sums are float32 in all cases.
enum class CudaDataType : uint8_t { kFloat32, kBFloat16, kFloat16 };

// A Family of the plan (kernels/plan/structure_plan.h), its members given by gather or in a row.
struct DeviceFamily {
  int32_t first;         // members are the tokens first … first + size - 1, or -1
  int32_t gather_begin;  // members are gather[gather_begin … + size), or -1
  int32_t size;
  int32_t head_row;  // place of the head among the members
  int32_t head_is_root;
};

// Rows [begin, begin + kDeviceRows) of a family, the work of one block of threads at one head.
struct DeviceItem {
  int32_t family, begin;
};
inline constexpr int kDeviceRows = 16;

struct DevicePlan {
  const DeviceFamily* families;
  const int32_t* gather;
  const DeviceItem* items;
  const int32_t* slots;   // [T] as StructurePlan::partial_slots
  const int32_t* tokens;  // [num_slots] as StructurePlan::partial_tokens
  int32_t num_items, num_slots;
};

// As AttentionParams, in elements of `type`. A token with a slot has a result in each of its two
// families: own 0, its parent's 1.
struct DeviceForwardArgs {
  DevicePlan plan;
  CudaDataType type;
  const void *q, *k, *v;
  void* out;
  float* lse;  // [T, H] or null
  int64_t q_stride, k_stride, v_stride, out_stride;
  int num_heads, head_size;
  float scale;
  float* partial_out;  // [num_slots, 2, H, D]
  float* partial_lse;  // [num_slots, 2, H]
};

// Queues the forward pass on a stream. The arguments have been checked.
cudaError_t LaunchAttentionForward(const DeviceForwardArgs& args, cudaStream_t stream);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_CUDA_ATTENTION_LAUNCH_H_
