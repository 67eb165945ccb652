// The linear maps of a base-size encoder (768 wide) on rows that stay in the caches: GFLOP/s of one
// thread by processor time, and their share of the multiply-add peak measured just before.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "kernels/launch/fma_peak.h"
#include "kernels/linear/packed_linear.h"

namespace strata::kernels {
namespace {

double ProcessorSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void Apply(benchmark::State& state) {
  const int rows = static_cast<int>(state.range(0)), inputs = static_cast<int>(state.range(1)),
            outputs = static_cast<int>(state.range(2));
  ThreadPool pool(1);
  // Enough maps that their weights come from memory, as a model's do.
  constexpr int kMaps = 6;
  std::vector<PackedLinear> maps;
  const std::vector<float> weight(static_cast<size_t>(outputs) * inputs, 0.01f);
  for (int i = 0; i < kMaps; ++i) {
    maps.push_back(*PackedLinear::Pack(weight.data(), nullptr, outputs, inputs, pool));
  }
  const std::vector<float> x(static_cast<size_t>(rows) * inputs, 0.5f);
  std::vector<float> y(static_cast<size_t>(rows) * outputs);
  const double peak = MeasureFmaPeak();
  double best = 1e30;
  for (auto _ : state) {
    const double start = ProcessorSeconds();
    for (const PackedLinear& map : maps) {
      map.Apply({x.data(), inputs, y.data(), outputs, rows}, false);
    }
    benchmark::DoNotOptimize(y.data());
    best = std::min(best, ProcessorSeconds() - start);
  }
  const double flops = 2.0 * kMaps * rows * inputs * outputs;
  state.counters["GFLOP/s"] = flops / best / 1e9;
  state.counters["of_peak"] = flops / best / peak;
}

BENCHMARK(Apply)
    ->ArgNames({"rows", "inputs", "outputs"})
    ->ArgsProduct({{1, 6, 24, 120}, {768}, {2304, 3072}})
    ->ArgsProduct({{24, 120}, {768}, {768}})
    ->ArgsProduct({{24, 120}, {3072}, {768}})
    ->Unit(benchmark::kMillisecond)
    ->MinTime(0.2);

}  // namespace
}  // namespace strata::kernels

BENCHMARK_MAIN();
