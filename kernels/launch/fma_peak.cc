#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/launch/fma_peak.cc"
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on
#include "kernels/launch/fma_peak.h"

#include <algorithm>
#include <ctime>

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Twelve independent chains with values of their own (equal ones would be folded into one). Returns
// the operations done; `values` takes the results, so that none is dropped.
double RunChains(int rounds, float* values) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.5f), term = hn::Set(d, 0.25f);
  auto a = hn::Set(d, values[0]), b = hn::Set(d, values[1]), c = hn::Set(d, values[2]);
  auto e = hn::Set(d, values[3]), f = hn::Set(d, values[4]), g = hn::Set(d, values[5]);
  auto h = hn::Set(d, values[6]), i = hn::Set(d, values[7]), j = hn::Set(d, values[8]);
  auto k = hn::Set(d, values[9]), l = hn::Set(d, values[10]), m = hn::Set(d, values[11]);
  for (int round = 0; round < rounds; ++round) {
    a = hn::MulAdd(a, factor, term);
    b = hn::MulAdd(b, factor, term);
    c = hn::MulAdd(c, factor, term);
    e = hn::MulAdd(e, factor, term);
    f = hn::MulAdd(f, factor, term);
    g = hn::MulAdd(g, factor, term);
    h = hn::MulAdd(h, factor, term);
    i = hn::MulAdd(i, factor, term);
    j = hn::MulAdd(j, factor, term);
    k = hn::MulAdd(k, factor, term);
    l = hn::MulAdd(l, factor, term);
    m = hn::MulAdd(m, factor, term);
  }
  const auto low = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(f, g));
  const auto high = hn::Add(hn::Add(hn::Add(h, i), hn::Add(j, k)), hn::Add(l, m));
  values[0] = hn::GetLane(hn::SumOfLanes(d, hn::Add(low, high)));
  return 24.0 * static_cast<double>(hn::Lanes(d)) * rounds;
}

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "kernels/launch/target.h"

namespace strata::kernels {

HWY_EXPORT(RunChains);

namespace {

double ProcessorSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

double MeasureFmaPeak() {
  SelectTarget().IgnoreError();
  float values[12];
  for (int i = 0; i < 12; ++i) values[i] = 1.0f + 0.1f * static_cast<float>(i);
  double best = 0;
  for (int trial = 0; trial < 20; ++trial) {
    const double start = ProcessorSeconds();
    const double operations = HWY_DYNAMIC_DISPATCH(RunChains)(1'000'000, values);
    best = std::max(best, operations / (ProcessorSeconds() - start));
  }
  return best;
}

}  // namespace strata::kernels
#endif
