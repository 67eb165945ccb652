// Checks the device's block-sparse attention against the processor's on random trees, in every
// type, and times it on one long document. Needs nothing but CUDA.
//
//   attention_cuda_check [TREES]      how many batches of trees (default 200)
//
// Prints one JSON line a type; ends with 0 if all agree, 1 if not, 77 where there is no device.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kernels/attention/block_sparse_attention.h"
#include "kernels/cuda/block_sparse_attention_cuda.h"
#include "kernels/plan/random_tree.h"

namespace strata::kernels {
namespace {

void Must(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}
void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

class DeviceMemory {
 public:
  explicit DeviceMemory(size_t size) {
    Must(cudaMalloc(&data_, std::max<size_t>(size, 1)), "cudaMalloc");
  }
  ~DeviceMemory() { cudaFree(data_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

template <typename T>
T FromFloat(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else if constexpr (std::is_same_v<T, __half>) {
    return __float2half(value);
  } else {
    return __float2bfloat16(value);
  }
}
float AsFloat(float value) { return value; }
float AsFloat(__half value) { return __half2float(value); }
float AsFloat(__nv_bfloat16 value) { return __bfloat162float(value); }

struct Batch {
  const StructurePlan& plan;
  int heads, head_size;
  std::vector<float> qkv;  // [T, 3, H, D]

  int64_t row() const { return int64_t{heads} * head_size; }
};

struct Result {
  std::vector<float> out, lse;
};

// The processor's, on inputs as T holds them.
template <typename T>
Result Expected(const Batch& batch, ThreadPool& pool) {
  std::vector<float> qkv = batch.qkv;
  for (float& value : qkv) value = AsFloat(FromFloat<T>(value));
  Result result{std::vector<float>(qkv.size() / 3),
                std::vector<float>(batch.plan.num_tokens() * batch.heads)};
  AttentionParams params;
  params.q = qkv.data();
  params.k = qkv.data() + batch.row();
  params.v = qkv.data() + 2 * batch.row();
  params.out = result.out.data();
  params.lse = result.lse.data();
  params.q_stride = params.k_stride = params.v_stride = 3 * batch.row();
  params.out_stride = batch.row();
  params.num_heads = batch.heads;
  params.head_size = batch.head_size;
  params.scale = 1.0f / std::sqrt(static_cast<float>(batch.head_size));
  Must(BlockSparseAttentionForward(params, batch.plan, pool));
  return result;
}

// The device's; `seconds` is the best of `times` passes.
template <typename T>
Result OnDevice(CudaDataType type, const Batch& batch, int times, double* seconds) {
  std::vector<T> qkv(batch.qkv.size());
  for (size_t i = 0; i < qkv.size(); ++i) qkv[i] = FromFloat<T>(batch.qkv[i]);
  auto plan = CudaPlan::Upload(batch.plan);
  Must(plan.status());
  const size_t count = qkv.size() / 3, sums = batch.plan.num_tokens() * batch.heads;
  const DeviceMemory input(qkv.size() * sizeof(T)), output(count * sizeof(T)),
      lse(sums * sizeof(float)),
      workspace(AttentionWorkspaceBytes(*plan, batch.heads, batch.head_size));
  Must(cudaMemcpy(input.data(), qkv.data(), qkv.size() * sizeof(T), cudaMemcpyHostToDevice),
       "copy");
  CudaAttentionParams params;
  params.type = type;
  const T* const first = static_cast<const T*>(input.data());
  params.q = first;
  params.k = first + batch.row();
  params.v = first + 2 * batch.row();
  params.out = output.data();
  params.lse = static_cast<float*>(lse.data());
  params.q_stride = params.k_stride = params.v_stride = 3 * batch.row();
  params.out_stride = batch.row();
  params.num_heads = batch.heads;
  params.head_size = batch.head_size;
  params.scale = 1.0f / std::sqrt(static_cast<float>(batch.head_size));
  params.workspace = workspace.data();
  cudaEvent_t begin, end;
  Must(cudaEventCreate(&begin), "cudaEventCreate");
  Must(cudaEventCreate(&end), "cudaEventCreate");
  *seconds = 1e30;
  for (int i = 0; i < times; ++i) {
    Must(cudaEventRecord(begin, nullptr), "cudaEventRecord");
    Must(BlockSparseAttentionForward(params, *plan, nullptr));
    Must(cudaEventRecord(end, nullptr), "cudaEventRecord");
    Must(cudaEventSynchronize(end), "the kernel");
    float ms = 0;
    Must(cudaEventElapsedTime(&ms, begin, end), "cudaEventElapsedTime");
    *seconds = std::min(*seconds, ms / 1e3);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::vector<T> out(count);
  Result result{std::vector<float>(count), std::vector<float>(sums)};
  Must(cudaMemcpy(out.data(), output.data(), count * sizeof(T), cudaMemcpyDeviceToHost), "copy");
  Must(cudaMemcpy(result.lse.data(), lse.data(), sums * sizeof(float), cudaMemcpyDeviceToHost),
       "copy");
  for (size_t i = 0; i < count; ++i) result.out[i] = AsFloat(out[i]);
  return result;
}

double LargestError(const std::vector<float>& actual, const std::vector<float>& expected) {
  double largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double error = std::abs(double{actual[i]} - expected[i]);
    largest = std::isnan(error) ? INFINITY : std::max(largest, error);
  }
  return largest;
}

// Heads, head sizes and trees of every kind; a document's rows alone are those of the batch.
template <typename T>
bool Check(const char* name, CudaDataType type, double tolerance, int trees) {
  ThreadPool pool(2);
  RandomTrees random(7);
  double out_error = 0, lse_error = 0, seconds = 0;
  bool is_bit_equal = true;
  for (int i = 0; i < trees; ++i) {
    TreeBatch tree;
    for (int documents = random.Uniform(1, 4); documents > 0; --documents) {
      tree.Append(random.Chance(0.5)   ? random.Document(300, random.Uniform(1, 12))
                  : random.Chance(0.5) ? random.Hdt(4, 6, 40)
                                       : random.Star(random.Uniform(1, 400), random.Chance(0.5)));
    }
    const auto plan = *StructurePlan::Build(tree.view());
    constexpr int kHeadSizes[] = {1, 8, 31, 32, 33, 64, 80, 128, 256};
    Batch batch{*plan, random.Uniform(1, 3), kHeadSizes[random.Uniform(0, 8)], {}};
    batch.qkv = random.Normal(3 * plan->num_tokens() * batch.row());
    const Result expected = Expected<T>(batch, pool);
    const Result actual = OnDevice<T>(type, batch, 1, &seconds);
    out_error = std::max(out_error, LargestError(actual.out, expected.out));
    lse_error = std::max(lse_error, LargestError(actual.lse, expected.lse));

    const TreeBatch alone = tree.Document(0);
    const auto alone_plan = *StructurePlan::Build(alone.view());
    Batch first{*alone_plan, batch.heads, batch.head_size, {}};
    first.qkv.assign(batch.qkv.begin(),
                     batch.qkv.begin() + 3 * alone_plan->num_tokens() * batch.row());
    const Result of_first = OnDevice<T>(type, first, 1, &seconds);
    is_bit_equal =
        is_bit_equal && std::equal(of_first.out.begin(), of_first.out.end(), actual.out.begin());
  }
  const bool passed = out_error <= tolerance && lse_error <= 1e-4 && is_bit_equal;
  std::printf(
      "{\"type\": \"%s\", \"trees\": %d, \"out_error\": %.3g, \"lse_error\": %.3g, "
      "\"bit_equal_alone\": %s, \"passed\": %s}\n",
      name, trees, out_error, lse_error, is_bit_equal ? "true" : "false",
      passed ? "true" : "false");
  return passed;
}

// A document of 16k tokens at 12 heads of 64: the time of a pass and what it means.
template <typename T>
void Time(const char* name, CudaDataType type) {
  RandomTrees random(1);
  std::vector<std::vector<int>> sections(33, std::vector<int>(20));
  for (auto& section : sections) {
    for (int& words : section) words = random.Uniform(15, 35);
  }
  TreeBatch tree;
  tree.Append(HdtDocument(sections));
  const auto plan = *StructurePlan::Build(tree.view());
  Batch batch{*plan, 12, 64, {}};
  batch.qkv = random.Normal(3 * plan->num_tokens() * batch.row());
  double seconds = 0;
  OnDevice<T>(type, batch, 20, &seconds);
  const double bytes = 4.0 * static_cast<double>(plan->num_tokens() * batch.row()) * sizeof(T);
  const double flops = 4.0 * static_cast<double>(plan->num_pairs() * batch.row());
  std::printf(
      "{\"type\": \"%s\", \"tokens\": %lld, \"ms\": %.4f, \"GB/s\": %.1f, \"GFLOP/s\": %.1f}\n",
      name, static_cast<long long>(plan->num_tokens()), seconds * 1e3, bytes / seconds / 1e9,
      flops / seconds / 1e9);
}

int Main(int trees) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no CUDA device: the kernels were compiled and not run\n");
    return 77;
  }
  cudaDeviceProp properties = {};
  Must(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  std::printf("{\"device\": \"%s\"}\n", properties.name);
  bool passed = Check<float>("float32", CudaDataType::kFloat32, 2e-5, trees);
  passed = Check<__nv_bfloat16>("bfloat16", CudaDataType::kBFloat16, 2e-2, trees) && passed;
  passed = Check<__half>("float16", CudaDataType::kFloat16, 3e-3, trees) && passed;
  Time<float>("float32", CudaDataType::kFloat32);
  Time<__nv_bfloat16>("bfloat16", CudaDataType::kBFloat16);
  Time<__half>("float16", CudaDataType::kFloat16);
  return passed ? 0 : 1;
}

}  // namespace
}  // namespace strata::kernels

int main(int argc, char** argv) {
  const int trees = argc > 1 ? std::atoi(argv[1]) : 200;
  return strata::kernels::Main(std::max(trees, 1));
}
