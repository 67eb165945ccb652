// The linear maps of a base-size encoder (768 wide) on rows that stay in the caches: GFLOP/s of one
// thread by processor time, and their share of the float32 multiply-add peak measured just before.
// type: 0 float32, 1 bfloat16, 2 int8.
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
  const auto type = static_cast<WeightType>(state.range(3));
  ThreadPool pool(1);
  // Enough maps that their weights come from memory, as a model's do.
  constexpr int kMaps = 6;
  std::vector<PackedLinear> maps;
  const std::vector<float> weight(static_cast<size_t>(outputs) * inputs, 0.01f);
  for (int i = 0; i < kMaps; ++i) {
    maps.push_back(*PackedLinear::Pack(weight.data(), nullptr, outputs, inputs, type, pool));
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

void Shapes(benchmark::internal::Benchmark* bench) {
  for (int type = 0; type < 3; ++type) {
    for (int rows : {1, 6, 24, 120}) bench->Args({rows, 768, 2304, type});
    bench->Args({120, 768, 768, type})->Args({120, 768, 3072, type})->Args({120, 3072, 768, type});
  }
  bench->ArgNames({"rows", "inputs", "outputs", "type"})
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.2);
}
BENCHMARK(Apply)->Apply(Shapes);

}  // namespace
}  // namespace strata::kernels

BENCHMARK_MAIN();
