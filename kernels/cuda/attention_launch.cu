// Block-sparse attention on the device, forward. A block of threads works out kDeviceRows rows of a
// family at one head: queries stand in shared memory, keys and values pass through it kKeys at a
// time, a lane scores one key, and the softmax is kept up as the keys go by (a running maximum and
// sum of each row). The order of every sum follows from the family, so a document's rows are
// bit-equal alone and in any batch.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/cuda/attention_launch.h"

namespace strata::kernels {
namespace {

constexpr int kWarp = 32;
constexpr int kKeys = kWarp;  // a lane a key
constexpr int kWarps = 4;
constexpr int kRowsPerWarp = kDeviceRows / kWarps;
constexpr unsigned kAllLanes = 0xFFFFFFFFu;

__device__ float ToFloat(float value) { return value; }
__device__ float ToFloat(__nv_bfloat16 value) { return __bfloat162float(value); }
__device__ float ToFloat(__half value) { return __half2float(value); }
__device__ void Write(float value, float* to) { *to = value; }
__device__ void Write(float value, __nv_bfloat16* to) { *to = __float2bfloat16(value); }
__device__ void Write(float value, __half* to) { *to = __float2half(value); }

__device__ int32_t MemberOf(const DevicePlan& plan, const DeviceFamily& family, int row) {
  return family.first >= 0 ? family.first + row : plan.gather[family.gather_begin + row];
}

__device__ float MaxOfLanes(float value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  return value;
}
__device__ float SumOfLanes(float value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, distance);
  }
  return value;
}

// Members [begin, begin + count) of a family at one head as floats, `stride` floats between them;
// dimensions from head_size to kPadded, and members from count to `rows`, are 0.
template <typename T, int kPadded>
__device__ void LoadMembers(const DeviceForwardArgs& args, const DeviceFamily& family, int begin,
                            int count, int rows, const T* from, int64_t from_stride, int stride,
                            float* to) {
  const int64_t offset = static_cast<int64_t>(blockIdx.y) * args.head_size;
  for (int i = threadIdx.x; i < rows * kPadded; i += blockDim.x) {
    const int row = i / kPadded, d = i % kPadded;
    float value = 0.0f;
    if (row < count && d < args.head_size) {
      const int64_t token = MemberOf(args.plan, family, begin + row);
      value = ToFloat(from[token * from_stride + offset + d]);
    }
    to[row * stride + d] = value;
  }
}

// A row's running softmax: of kPadded values a lane holds every 32nd.
template <int kPadded>
struct RowState {
  float highest = -INFINITY;
  float total = 0.0f;
  float sums[kPadded / kWarp] = {};
};

template <int kPadded>
__device__ void AddKeys(float score, const float* values, RowState<kPadded>& state) {
  const float now = fmaxf(state.highest, MaxOfLanes(score));
  const float reference = now == -INFINITY ? 0.0f : now;  // every key masked so far
  const float p = expf(score - reference);
  const float correction = expf(state.highest - reference);
  state.highest = now;
  state.total = state.total * correction + SumOfLanes(p);
  const int lane = threadIdx.x % kWarp;
  for (int i = 0; i < kPadded / kWarp; ++i) state.sums[i] *= correction;
  for (int key = 0; key < kKeys; ++key) {
    const float weight = __shfl_sync(kAllLanes, p, key);
    for (int i = 0; i < kPadded / kWarp; ++i) {
      state.sums[i] += weight * values[key * kPadded + i * kWarp + lane];
    }
  }
}

template <typename T, int kPadded>
__device__ void WriteRow(const DeviceForwardArgs& args, int32_t token, bool is_head,
                         const RowState<kPadded>& state) {
  const int head = blockIdx.y, lane = threadIdx.x % kWarp;
  const int32_t slot = args.plan.slots[token];
  const float lse = state.highest + logf(state.total);
  const int64_t partial = (int64_t{slot} * 2 + (is_head ? 0 : 1)) * args.num_heads + head;
  for (int i = 0; i < kPadded / kWarp; ++i) {
    const int d = i * kWarp + lane;
    if (d >= args.head_size) continue;
    const float value = state.sums[i] / state.total;
    if (slot >= 0) {
      args.partial_out[partial * args.head_size + d] = value;
    } else {
      Write(value, static_cast<T*>(args.out) + token * args.out_stride +
                       static_cast<int64_t>(head) * args.head_size + d);
    }
  }
  if (lane != 0) return;
  if (slot >= 0) {
    args.partial_lse[partial] = lse;
  } else if (args.lse != nullptr) {
    args.lse[static_cast<int64_t>(token) * args.num_heads + head] = lse;
  }
}

// Keys are padded by one float, so that the lanes of a warp read them from different banks.
template <int kPadded>
constexpr size_t SharedBytes() {
  return sizeof(float) * (kDeviceRows * kPadded + kKeys * (kPadded + 1) + kKeys * kPadded);
}

template <typename T, int kPadded>
__global__ void __launch_bounds__(kWarps* kWarp) ForwardRows(const DeviceForwardArgs args) {
  extern __shared__ float shared[];
  float* const queries = shared;                        // [kDeviceRows, kPadded]
  float* const keys = queries + kDeviceRows * kPadded;  // [kKeys, kPadded + 1]
  float* const values = keys + kKeys * (kPadded + 1);   // [kKeys, kPadded]
  const DeviceItem item = args.plan.items[blockIdx.x];
  const DeviceFamily family = args.plan.families[item.family];
  const int rows = min(kDeviceRows, family.size - item.begin);
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  LoadMembers<T, kPadded>(args, family, item.begin, rows, kDeviceRows,
                          static_cast<const T*>(args.q), args.q_stride, kPadded, queries);
  RowState<kPadded> state[kRowsPerWarp];
  for (int first = 0; first < family.size; first += kKeys) {
    const int count = min(kKeys, family.size - first);
    __syncthreads();  // the keys before these are used up
    LoadMembers<T, kPadded>(args, family, first, count, kKeys, static_cast<const T*>(args.k),
                            args.k_stride, kPadded + 1, keys);
    LoadMembers<T, kPadded>(args, family, first, count, kKeys, static_cast<const T*>(args.v),
                            args.v_stride, kPadded, values);
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const int row = warp * kRowsPerWarp + r;
      if (row >= rows) continue;  // the same for all lanes of a warp
      float score = 0.0f;
      for (int d = 0; d < kPadded; ++d) {
        score += queries[row * kPadded + d] * keys[lane * (kPadded + 1) + d];
      }
      // The head's pair with itself belongs to its parent's family.
      const bool is_own = family.head_is_root == 0 && item.begin + row == family.head_row &&
                          first + lane == family.head_row;
      score = lane >= count || is_own ? -INFINITY : score * args.scale;
      AddKeys<kPadded>(score, values, state[r]);
    }
  }
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const int row = item.begin + warp * kRowsPerWarp + r;
    if (row >= family.size) continue;
    WriteRow<T, kPadded>(args, MemberOf(args.plan, family, row), row == family.head_row, state[r]);
  }
}

// The two results of a token with a slot, weighed by their sums of exponentials.
template <typename T>
__global__ void MergeSlots(const DeviceForwardArgs args) {
  const int slot = blockIdx.x, head = blockIdx.y;
  const int64_t own = int64_t{slot} * 2 * args.num_heads + head, parent = own + args.num_heads;
  const float own_lse = args.partial_lse[own], parent_lse = args.partial_lse[parent];
  const float highest = fmaxf(own_lse, parent_lse);
  const float own_weight = expf(own_lse - highest), parent_weight = expf(parent_lse - highest);
  const float total = own_weight + parent_weight;
  const int64_t token = args.plan.tokens[slot];
  for (int d = threadIdx.x; d < args.head_size; d += blockDim.x) {
    const float value = (own_weight * args.partial_out[own * args.head_size + d] +
                         parent_weight * args.partial_out[parent * args.head_size + d]) /
                        total;
    Write(value, static_cast<T*>(args.out) + token * args.out_stride +
                     static_cast<int64_t>(head) * args.head_size + d);
  }
  if (args.lse != nullptr && threadIdx.x == 0) {
    args.lse[token * args.num_heads + head] = highest + logf(total);
  }
}

template <typename T, int kPadded>
cudaError_t LaunchOf(const DeviceForwardArgs& args, cudaStream_t stream) {
  constexpr size_t kBytes = SharedBytes<kPadded>();
  const cudaError_t error = cudaFuncSetAttribute(
      ForwardRows<T, kPadded>, cudaFuncAttributeMaxDynamicSharedMemorySize, int{kBytes});
  if (error != cudaSuccess) return error;
  const dim3 grid(args.plan.num_items, args.num_heads);
  ForwardRows<T, kPadded><<<grid, kWarps * kWarp, kBytes, stream>>>(args);
  if (args.plan.num_slots > 0) {
    const dim3 slots(args.plan.num_slots, args.num_heads);
    MergeSlots<T><<<slots, 64, 0, stream>>>(args);
  }
  return cudaGetLastError();
}

template <typename T>
cudaError_t LaunchOfType(const DeviceForwardArgs& args, cudaStream_t stream) {
  if (args.head_size <= 32) return LaunchOf<T, 32>(args, stream);
  if (args.head_size <= 64) return LaunchOf<T, 64>(args, stream);
  if (args.head_size <= 128) return LaunchOf<T, 128>(args, stream);
  return LaunchOf<T, 256>(args, stream);
}

}  // namespace

cudaError_t LaunchAttentionForward(const DeviceForwardArgs& args, cudaStream_t stream) {
  if (args.plan.num_items == 0) return cudaSuccess;
  switch (args.type) {
    case CudaDataType::kBFloat16:
      return LaunchOfType<__nv_bfloat16>(args, stream);
    case CudaDataType::kFloat16:
      return LaunchOfType<__half>(args, stream);
    case CudaDataType::kFloat32:
      break;
  }
  return LaunchOfType<float>(args, stream);
}

}  // namespace strata::kernels
