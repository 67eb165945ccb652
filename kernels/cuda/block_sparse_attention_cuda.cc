#include "kernels/cuda/block_sparse_attention_cuda.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::kernels {
namespace {

constexpr int kMaxDeviceHeadSize = 256;

absl::Status StatusOf(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return absl::OkStatus();
  const std::string message = absl::StrCat("CUDA, ", what, ": ", cudaGetErrorString(error));
  return error == cudaErrorMemoryAllocation ? absl::ResourceExhaustedError(message)
                                            : absl::InternalError(message);
}

absl::Status CheckRows(const char* name, const void* data, int64_t stride, int64_t row_size) {
  if (data == nullptr)
    return absl::InvalidArgumentError(absl::StrCat("attention: ", name, " is null"));
  if (stride >= row_size) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("attention: ", name, "_stride is ", stride,
                                                 ", less than num_heads * head_size = ", row_size));
}

// Tables of the plan one behind the other, each at a multiple of 16 bytes.
class Packer {
 public:
  template <typename T>
  size_t Add(const T* values, size_t count) {
    const size_t at = (bytes_.size() + 15) / 16 * 16;
    bytes_.resize(at + count * sizeof(T));
    if (count > 0) std::memcpy(bytes_.data() + at, values, count * sizeof(T));
    return at;
  }
  const std::vector<char>& bytes() const { return bytes_; }

 private:
  std::vector<char> bytes_;
};

}  // namespace

absl::StatusOr<CudaPlan> CudaPlan::Upload(const StructurePlan& plan) {
  std::vector<DeviceFamily> families;
  std::vector<DeviceItem> items;
  for (const Family& family : plan.families()) {
    for (int32_t begin = 0; begin < family.size; begin += kDeviceRows) {
      items.push_back({static_cast<int32_t>(families.size()), begin});
    }
    families.push_back({family.first, family.gather_begin, family.size, family.head_row,
                        family.head_is_root ? 1 : 0});
  }
  Packer packer;
  const size_t families_at = packer.Add(families.data(), families.size());
  const size_t items_at = packer.Add(items.data(), items.size());
  const size_t gather_at = packer.Add(plan.gather().data(), plan.gather().size());
  const size_t slots_at = packer.Add(plan.partial_slots().data(), plan.partial_slots().size());
  const size_t tokens_at = packer.Add(plan.partial_tokens().data(), plan.partial_tokens().size());

  CudaPlan uploaded;
  uploaded.num_tokens_ = plan.num_tokens();
  void* memory = nullptr;
  const size_t size = std::max<size_t>(packer.bytes().size(), 1);
  absl::Status status = StatusOf(cudaMalloc(&memory, size), "memory for a plan");
  if (!status.ok()) return status;
  uploaded.memory_.reset(memory);
  status = StatusOf(
      cudaMemcpy(memory, packer.bytes().data(), packer.bytes().size(), cudaMemcpyHostToDevice),
      "copying a plan");
  if (!status.ok()) return status;
  const char* const base = static_cast<const char*>(memory);
  uploaded.device_ = {reinterpret_cast<const DeviceFamily*>(base + families_at),
                      reinterpret_cast<const int32_t*>(base + gather_at),
                      reinterpret_cast<const DeviceItem*>(base + items_at),
                      reinterpret_cast<const int32_t*>(base + slots_at),
                      reinterpret_cast<const int32_t*>(base + tokens_at),
                      static_cast<int32_t>(items.size()),
                      static_cast<int32_t>(plan.partial_tokens().size())};
  return uploaded;
}

int64_t AttentionWorkspaceBytes(const CudaPlan& plan, int num_heads, int head_size) {
  return plan.num_slots() * 2 * num_heads * (int64_t{head_size} + 1) *
         static_cast<int64_t>(sizeof(float));
}

absl::Status BlockSparseAttentionForward(const CudaAttentionParams& params, const CudaPlan& plan,
                                         cudaStream_t stream) {
  constexpr int kMaxHeads = 65535;  // of a grid's second extent
  if (params.num_heads < 1 || params.num_heads > kMaxHeads) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention: num_heads is ", params.num_heads, "; 1 to ", kMaxHeads));
  }
  if (params.head_size < 1 || params.head_size > kMaxDeviceHeadSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention: head_size is ", params.head_size, "; 1 to ", kMaxDeviceHeadSize));
  }
  if (!std::isfinite(params.scale)) {
    return absl::InvalidArgumentError("attention: scale is not a finite number");
  }
  if (plan.num_tokens() == 0) return absl::OkStatus();
  const int64_t row_size = int64_t{params.num_heads} * params.head_size;
  absl::Status status = CheckRows("q", params.q, params.q_stride, row_size);
  status.Update(CheckRows("k", params.k, params.k_stride, row_size));
  status.Update(CheckRows("v", params.v, params.v_stride, row_size));
  status.Update(CheckRows("out", params.out, params.out_stride, row_size));
  if (plan.num_slots() > 0 && params.workspace == nullptr) {
    status.Update(absl::InvalidArgumentError("attention: the workspace is null"));
  }
  if (!status.ok()) return status;

  DeviceForwardArgs args = {};
  args.plan = plan.device();
  args.type = params.type;
  args.q = params.q;
  args.k = params.k;
  args.v = params.v;
  args.out = params.out;
  args.lse = params.lse;
  args.q_stride = params.q_stride;
  args.k_stride = params.k_stride;
  args.v_stride = params.v_stride;
  args.out_stride = params.out_stride;
  args.num_heads = params.num_heads;
  args.head_size = params.head_size;
  args.scale = params.scale;
  args.partial_out = static_cast<float*>(params.workspace);
  args.partial_lse = args.partial_out + plan.num_slots() * 2 * row_size;
  return StatusOf(LaunchAttentionForward(args, stream), "block-sparse attention");
}

}  // namespace strata::kernels
