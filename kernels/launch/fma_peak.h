// The processor's multiply-add peak, measured: what kernels are held against in benchmarks.
#ifndef STRATA_KERNELS_LAUNCH_FMA_PEAK_H_
#define STRATA_KERNELS_LAUNCH_FMA_PEAK_H_

namespace strata::kernels {

// Float32 operations a second of one thread on registers alone (two for a multiply-add), on the
// target in use. By processor time, so that other programs on the machine do not lower it. Takes
// some 50 ms.
double MeasureFmaPeak();

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_LAUNCH_FMA_PEAK_H_
