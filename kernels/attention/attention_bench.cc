// Attention over documents of HDT's shape: 20 sentences a section, 15 to 35 tokens a sentence, 12
// heads of 64. Reports tokens/s and GFLOP/s (needed work only: 4 · D for each pair and head
// forward, 10 · D backward), the share of the measured multiply-add peak of one core times the
// threads, and, at the end, the exponent e of time ~ tokens^e.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <vector>

#include "kernels/attention/block_sparse_attention.h"
#include "kernels/launch/fma_peak.h"
#include "kernels/launch/target.h"
#include "kernels/plan/random_tree.h"

namespace strata::kernels {
namespace {

constexpr int kHeads = 12, kHeadSize = 64;

std::vector<int32_t> DocumentOfLength(int num_tokens, RandomTrees& random) {
  std::vector<std::vector<int>> sections;
  int left = num_tokens - 1;
  while (left > 2) {
    sections.emplace_back();
    --left;
    for (int sentence = 0; sentence < 20 && left > 1; ++sentence) {
      const int words = std::min(random.Uniform(15, 35), left - 1);
      sections.back().push_back(words);
      left -= words + 1;
    }
  }
  return HdtDocument(sections);
}

double FmaPeakPerThread() {
  static const double peak = MeasureFmaPeak();
  return peak;
}

// Seconds of each run by (direction, threads, tokens), for the exponents.
std::map<std::pair<bool, int>, std::map<int64_t, double>>& Times() {
  static auto* times = new std::map<std::pair<bool, int>, std::map<int64_t, double>>();
  return *times;
}

void RunBench(benchmark::State& state, bool backward, int documents) {
  const int threads = static_cast<int>(state.range(1));
  RandomTrees random(1);
  TreeBatch batch;
  for (int i = 0; i < documents; ++i)
    batch.Append(DocumentOfLength(static_cast<int>(state.range(0)), random));
  const auto plan = *StructurePlan::Build(batch.view());
  const int64_t tokens = plan->num_tokens(), row = kHeads * kHeadSize;
  const std::vector<float> qkv = random.Normal(3 * tokens * row),
                           dout = random.Normal(tokens * row);
  std::vector<float> out(tokens * row), lse(tokens * kHeads), grads(3 * tokens * row);
  AttentionParams forward{&qkv[0], &qkv[row], &qkv[2 * row], out.data(), lse.data(), 3 * row,
                          3 * row, 3 * row,   row,           kHeads,     kHeadSize,  0.125f};
  AttentionGradParams gradients;
  gradients.q = forward.q;
  gradients.k = forward.k;
  gradients.v = forward.v;
  gradients.out = out.data();
  gradients.lse = lse.data();
  gradients.dout = dout.data();
  gradients.dq = &grads[0];
  gradients.dk = &grads[row];
  gradients.dv = &grads[2 * row];
  gradients.q_stride = gradients.k_stride = gradients.v_stride = 3 * row;
  gradients.dq_stride = gradients.dk_stride = gradients.dv_stride = 3 * row;
  gradients.out_stride = gradients.dout_stride = row;
  gradients.num_heads = kHeads;
  gradients.head_size = kHeadSize;
  gradients.scale = 0.125f;
  ThreadPool pool(threads);
  absl::Status status = BlockSparseAttentionForward(forward, *plan, pool);
  double best = 1e30;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    status.Update(backward ? BlockSparseAttentionBackward(gradients, *plan, pool)
                           : BlockSparseAttentionForward(forward, *plan, pool));
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  if (!status.ok()) state.SkipWithError(std::string(status.message()).c_str());
  const double flops =
      (backward ? 10.0 : 4.0) * static_cast<double>(plan->num_pairs()) * kHeads * kHeadSize;
  state.counters["tokens/s"] = static_cast<double>(tokens) / best;
  state.counters["GFLOP/s"] = flops / best / 1e9;
  state.counters["of_peak"] = flops / best / (FmaPeakPerThread() * threads);
  if (documents == 1) Times()[{backward, threads}][state.range(0)] = best;
}

void Forward(benchmark::State& state) { RunBench(state, false, 1); }
void Backward(benchmark::State& state) { RunBench(state, true, 1); }
void ForwardOf32(benchmark::State& state) { RunBench(state, false, 32); }

void Ladder(benchmark::internal::Benchmark* bench) {
  for (int threads : {1, 2}) {
    for (int tokens : {1024, 4096, 16384, 65536}) bench->Args({tokens, threads});
  }
  bench->ArgNames({"tokens", "threads"})
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.3);
}
BENCHMARK(Forward)->Apply(Ladder);
BENCHMARK(Backward)->Apply(Ladder);
// 32 abstracts, to be compared with one document of as many tokens.
BENCHMARK(ForwardOf32)
    ->ArgNames({"tokens", "threads"})
    ->Args({256, 1})
    ->Args({256, 2})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Slope of the least squares line through (log tokens, log seconds).
double Exponent(const std::map<int64_t, double>& times) {
  double x_mean = 0, y_mean = 0, xy = 0, xx = 0;
  for (const auto& [tokens, seconds] : times) {
    x_mean += std::log(static_cast<double>(tokens)) / static_cast<double>(times.size());
    y_mean += std::log(seconds) / static_cast<double>(times.size());
  }
  for (const auto& [tokens, seconds] : times) {
    const double x = std::log(static_cast<double>(tokens)) - x_mean;
    xy += x * (std::log(seconds) - y_mean);
    xx += x * x;
  }
  return xy / xx;
}

}  // namespace
}  // namespace strata::kernels

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  std::printf("target %s, multiply-add peak of one thread %.1f GFLOP/s\n",
              strata::kernels::ActiveTargetName(), strata::kernels::FmaPeakPerThread() / 1e9);
  for (const auto& [key, times] : strata::kernels::Times()) {
    if (times.size() < 2) continue;
    std::printf("%s, %d thread(s): time ~ tokens^%.3f\n", key.first ? "backward" : "forward",
                key.second, strata::kernels::Exponent(times));
  }
  return 0;
}
